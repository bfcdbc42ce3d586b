# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands that systemd reads from a drop-in of ours, since it would not understand its own copy of them later
(model.command.is_broken_by_reload). Each has the prefix `:`, so that nothing in it is expanded (systemd.service(5)).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from sd_taskpacker.engine.ports import NoRoom
from sd_taskpacker.model.command import is_broken_by_reload
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task

FILE: Final = "50-command.conf"


class CommandFiles:
    """Implements `ports.Commands`. `directory` is where systemd reads unit drop-ins that live until the next boot."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, task: Task) -> None:
        if not is_broken_by_reload(task.argv, task.id.unit_name):
            return
        place = self._place(task.id)
        text = f"# Written by sd-taskpacker for this run.\n[Service]\nExecStart=:{quoted(task.argv)}\n"
        try:
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise NoRoom(f"{self._directory}: {error.strerror}; free some of it", ours=True) from error
            raise

    def remove(self, task_id: TaskId) -> None:
        place = self._place(task_id)
        with suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()
            place.parent.rmdir()

    def _place(self, task_id: TaskId) -> Path:
        return self._directory / f"{task_id.unit_name}.d" / FILE


def quoted(words: Sequence[str]) -> str:
    """As systemd.syntax(7) and systemd.unit(5) read it back: quoted, with C escapes, `%` doubled."""
    return " ".join(f'"{"".join(map(_spelled, word))}"' for word in words)


def _spelled(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == "%":
        return "%%"
    return f"\\x{ord(char):02x}" if ord(char) < 32 or ord(char) == 127 else char
