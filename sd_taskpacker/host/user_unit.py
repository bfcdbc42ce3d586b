# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units of a user's own instance, for whoever has the programs from pip or pipx: a wheel cannot put a file where
a user's service manager looks for units."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from sd_taskpacker.host.xdg import base

UNIT: Final = "sd-taskpacker.service"
ACTIVATION: Final = "org.sdtaskpacker1.service"
SLICES: Final = ("taskpacker.slice", "taskpacker-batch.slice", "taskpacker-workorder.slice")
_SHIPPED: Final = "/usr/bin/sd-taskpacker"


def install_user_unit(program: Path, environ: Mapping[str, str]) -> list[Path]:
    """Writes the unit, which runs `program`, the slices of its tasks, and what lets a first call start it. The files
    written.

    Raises OSError, and ValueError when the path of the program could not stand in a unit file.
    """
    command = str(program)
    if not program.is_absolute() or any(char.isspace() or char in "%$\"'\\;" for char in command):
        raise ValueError(f"{command!r} cannot stand in ExecStart=; install it below a path without such characters")
    home = Path(environ.get("HOME") or "~").expanduser()
    units = base(environ, "XDG_CONFIG_HOME", home / ".config") / "systemd/user"
    services = base(environ, "XDG_DATA_HOME", home / ".local/share") / "dbus-1/services"
    shipped = files("sd_taskpacker") / "share"
    written = []
    for directory, name in ((units, UNIT), (services, ACTIVATION), *((units, name) for name in SLICES)):
        text = (shipped / name).read_text("utf-8").replace(f"ExecStart={_SHIPPED}", f"ExecStart={command}")
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        (directory / name).write_text(text, "utf-8")
        written.append(directory / name)
    return written
