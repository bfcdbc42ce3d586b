# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where unit files are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SYSTEM_DIRECTORIES: Final = (
    "/etc/sd-taskpacker/units",
    "/run/sd-taskpacker/units",
    "/usr/local/share/sd-taskpacker/units",
    "/usr/share/sd-taskpacker/units",
)


def unit_directories(*, user: bool, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The search path, highest first. A user instance looks in the user's own directories before the system's.

    A variable that is not an absolute path is ignored, as the XDG base directory specification asks.
    """
    if not user:
        return SYSTEM_DIRECTORIES
    home = environ.get("HOME", "")
    bases = (
        _absolute(environ.get("XDG_CONFIG_HOME", "")) or _absolute(home and home + "/.config"),
        _absolute(environ.get("XDG_RUNTIME_DIR", "")),
        _absolute(environ.get("XDG_DATA_HOME", "")) or _absolute(home and home + "/.local/share"),
    )
    return tuple(f"{base.rstrip('/')}/sd-taskpacker/units" for base in bases if base) + SYSTEM_DIRECTORIES


def _absolute(text: str) -> str:
    return text if text.startswith("/") else ""
