# SPDX-License-Identifier: LGPL-2.1-or-later
"""taskpacker.toml, read. A file that cannot be used changes nothing: what it said last stays in force."""

from __future__ import annotations

import logging
from pathlib import Path

import tomli

from sd_taskpacker.model.config import Config, read_config

log = logging.getLogger(__name__)


class ConfigFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._good: Config | None = None

    def read(self) -> tuple[Config, str]:
        """What is in force, and why that is not what the file says: empty when it is. A file that is not there says
        the defaults."""
        try:
            table = tomli.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            table = {}
        except (OSError, tomli.TOMLDecodeError, UnicodeDecodeError) as error:
            stays = "what it said before stays" if self._good else "the defaults are"
            flaw = f"{self._path}: {error}; {stays} in force; correct it and reload"
            log.error("%s", flaw)
            return self._good or Config(), flaw
        self._good, problems = read_config(table)
        for problem in problems:
            log.warning("%s: %s", self._path, problem)
        return self._good, ""
