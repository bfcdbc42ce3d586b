# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.freedesktop.systemd1 as far as we use it: records every call, and does only what a test tells it to.

Like the real one it sends signals to the bus, so a client without the right match rule does not get them.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Any

from dbus_next import Message, MessageFlag, MessageType, Variant

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.names import PROPERTIES
from sd_taskpacker.bus.systemd_manager import MANAGER, SYSTEMD, SYSTEMD_PATH, UNIT, unit_path


@dataclass
class MockUnit:
    active: str = "activating"
    job: int = 0
    load: str = "loaded"
    job_type: str = "start"


@dataclass
class SystemdMock:
    bus: Connection
    calls: list[tuple[str, list[Any]]] = field(default_factory=list)
    """(member, arguments), Variants unwrapped to (signature, value)."""
    units: dict[str, MockUnit] = field(default_factory=dict)
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Member -> the error that it answers."""
    holding: set[str] = field(default_factory=set)
    """Members that are not answered until `let_go`."""
    held: list[Message] = field(default_factory=list)
    subscribers: set[str] = field(default_factory=set)
    before_reply: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Member -> (unit, result) of JobRemoved signals that go out before the reply."""

    async def open(self) -> None:
        self.bus.add_message_handler(self._handle)
        await self.bus.own(SYSTEMD)

    def called(self, member: str) -> list[list[Any]]:
        return [arguments for name, arguments in self.calls if name == member]

    def let_go(self) -> None:
        self.holding.clear()
        held, self.held = self.held, []
        for message in held:
            self.bus.send(self._answer(message))

    def job_removed(self, unit: str, result: str, job: int = 1) -> None:
        """Job 1 is what StartTransientUnit answers."""
        self._emit(SYSTEMD_PATH, MANAGER, "JobRemoved", "uoss", [job, f"{SYSTEMD_PATH}/job/{job}", unit, result])

    def unit_removed(self, unit: str) -> None:
        self.units.pop(unit, None)
        self._emit(SYSTEMD_PATH, MANAGER, "UnitRemoved", "so", [unit, unit_path(unit)])

    def change(self, unit: str, active: str, *, job: int = 0) -> None:
        self.units[unit] = MockUnit(active, job)
        if self.subscribers:
            changed = {"ActiveState": Variant("s", active)}
            self._emit(unit_path(unit), PROPERTIES, "PropertiesChanged", "sa{sv}as", [UNIT, changed, []])

    def _emit(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self.bus.send(Message.new_signal(path, interface, member, signature, body))

    def _handle(self, message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL or message.interface != MANAGER:
            return False
        self.calls.append((str(message.member), _plain(message.body)))
        if message.member in self.holding:
            self.held.append(message)
            return True
        for unit, result in self.before_reply.get(str(message.member), []):
            self.job_removed(unit, result)
        answer = self._answer(message)
        return True if message.flags & MessageFlag.NO_REPLY_EXPECTED else answer

    def _answer(self, message: Message) -> Message:
        member, body = str(message.member), message.body
        if member in self.errors:
            return Message.new_error(message, *self.errors[member])
        match member:
            case "StartTransientUnit" if body[0] in self.units:
                return Message.new_error(message, SYSTEMD + ".UnitExists", f"Unit {body[0]} was already loaded.")
            case "StartTransientUnit":
                self.units[body[0]] = MockUnit("inactive", job=1)
                return Message.new_method_return(message, "o", [f"{SYSTEMD_PATH}/job/1"])
            case "ListUnitsByNames":
                return self._list(
                    message, {name: self.units.get(name, MockUnit("inactive", 0, "not-found")) for name in body[0]}
                )
            case "ListUnitsByPatterns":
                return self._list(
                    message, {name: unit for name, unit in self.units.items() if fnmatch.fnmatch(name, body[1][0])}
                )
            case "Subscribe":
                self.subscribers.add(str(message.sender))
            case "Unsubscribe":
                self.subscribers.discard(str(message.sender))
            case _:
                pass
        return Message.new_method_return(message)

    def _list(self, message: Message, units: dict[str, MockUnit]) -> Message:
        rows = [
            [
                name,
                "",
                unit.load,
                unit.active,
                "",
                "",
                unit_path(name),
                unit.job,
                unit.job_type if unit.job else "",
                f"{SYSTEMD_PATH}/job/{unit.job}",
            ]
            for name, unit in units.items()
        ]
        return Message.new_method_return(message, "a(ssssssouso)", [rows])


def _plain(data: Any) -> Any:
    match data:
        case Variant():
            return (data.signature, _plain(data.value))
        case list():
            return [_plain(item) for item in data]
        case _:
            return data
