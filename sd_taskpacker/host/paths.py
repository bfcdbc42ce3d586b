# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the service has its files: the machine's instance, and that of a user (XDG Base Directory Specification)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sd_taskpacker.host.xdg import base


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    state: Path
    runtime: Path
    config: Path
    dropins: Path
    """Where systemd reads unit drop-ins that live until the next boot (systemd.unit(5))."""

    @classmethod
    def of(cls, *, user: bool, environ: Mapping[str, str]) -> Paths:
        if not user:
            return cls(
                state=Path("/var/lib/sd-taskpacker"),
                runtime=Path("/run/sd-taskpacker"),
                config=Path("/etc/sd-taskpacker/taskpacker.toml"),
                dropins=Path("/run/systemd/system"),
            )
        home = Path.home()
        runtime = base(environ, "XDG_RUNTIME_DIR", Path(f"/run/user/{os.getuid()}"))
        return cls(
            state=base(environ, "XDG_STATE_HOME", home / ".local/state") / "sd-taskpacker",
            runtime=runtime / "sd-taskpacker",
            config=base(environ, "XDG_CONFIG_HOME", home / ".config") / "sd-taskpacker/taskpacker.toml",
            dropins=runtime / "systemd/user",
        )
