# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd's Manager, as far as we call it: org.freedesktop.systemd1(5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbus_next import DBusError

from sd_taskpacker.bus.connection import CALL_TIMEOUT, Connection
from sd_taskpacker.bus.names import PROPERTIES

SYSTEMD: Final = "org.freedesktop.systemd1"
SYSTEMD_PATH: Final = "/org/freedesktop/systemd1"
MANAGER: Final = SYSTEMD + ".Manager"
UNIT: Final = SYSTEMD + ".Unit"
SERVICE: Final = SYSTEMD + ".Service"

DEAD: Final = frozenset({"inactive", "failed"})

_ALIVE = frozenset({"active", "activating", "deactivating", "reloading"})
_OUTSIDE_LABEL = re.compile("^[0-9]|[^A-Za-z0-9]")
_ALREADY_SUBSCRIBED = SYSTEMD + ".AlreadySubscribed"


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """State and job of a unit at one instant. A unit that waits for its job is "inactive" too."""

    unit: str
    missing: bool
    active: str
    job: bool
    start_job: str
    """Its object path, empty when the unit has no job or another one."""

    @classmethod
    def of(cls, row: list[Any]) -> UnitStatus:
        """From a row of ListUnits*: (name, description, load state, active state, sub state, following, path, job id,
        job type, job path)."""
        return cls(row[0], row[2] == "not-found", row[3], row[7] != 0, row[9] if row[8] == "start" else "")

    @property
    def alive(self) -> bool:
        return self.active in _ALIVE or self.job

    @property
    def over(self) -> bool:
        return not self.job and (self.missing or self.active in DEAD)


class SystemdManager:
    """Every call raises DBusError as systemd sent it, and Unreachable when there is no answer."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus

    async def call(
        self,
        member: str,
        signature: str,
        *body: Any,
        descriptors: Sequence[int] = (),
        patience: float | None = CALL_TIMEOUT,
    ) -> list[Any]:
        return await self._bus.ask(
            SYSTEMD, SYSTEMD_PATH, MANAGER, member, signature, body, descriptors=descriptors, patience=patience
        )

    async def get(self, name: str) -> Any:
        """One property of the Manager."""
        [value] = await self._bus.ask(SYSTEMD, SYSTEMD_PATH, PROPERTIES, "Get", "ss", [MANAGER, name])
        return value.value

    async def properties(self, unit: str, interface: str) -> dict[str, Any]:
        """All of a unit's on one interface, plain."""
        [values] = await self._bus.ask(SYSTEMD, unit_path(unit), PROPERTIES, "GetAll", "s", [interface])
        return {name: value.value for name, value in values.items()}

    async def status(self, unit: str) -> UnitStatus:
        [[row]] = await self.call("ListUnitsByNames", "as", [unit])
        return UnitStatus.of(row)

    async def loaded(self, pattern: str) -> list[UnitStatus]:
        [rows] = await self.call("ListUnitsByPatterns", "asas", [], [pattern])
        return [UnitStatus.of(row) for row in rows]

    async def subscribe(self) -> None:
        """From now on systemd sends the signals of all its units to the bus."""
        try:
            await self.call("Subscribe", "")
        except DBusError as error:
            if error.type != _ALREADY_SUBSCRIBED:
                raise

    def unsubscribe(self) -> None:
        self._bus.tell(SYSTEMD, SYSTEMD_PATH, MANAGER, "Unsubscribe")


def unit_path(unit: str) -> str:
    """The unit's object path, as bus_label_escape() makes it (src/basic/bus-label.c)."""
    label = _OUTSIDE_LABEL.sub(lambda found: f"_{ord(found[0]):02x}", unit)
    return f"{SYSTEMD_PATH}/unit/{label}"
