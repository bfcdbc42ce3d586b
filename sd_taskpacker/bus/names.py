# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our own names on the bus, and those of the bus itself."""

from __future__ import annotations

from typing import Final

from sd_taskpacker.model.names import OBJECT_ROOT

NAME: Final = "org.sdtaskpacker1"
PATH: Final = OBJECT_ROOT
MANAGER: Final = NAME + ".Manager"

BUS: Final = "org.freedesktop.DBus"
BUS_PATH: Final = "/org/freedesktop/DBus"
PROPERTIES: Final = BUS + ".Properties"
