# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service, and the bus about it, tell a client unasked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dbus_next.constants import MessageType
from dbus_next.message import Message

from sd_taskpacker.bus import names
from sd_taskpacker.bus.names import BUS, MANAGER, NAME, PATH, PROPERTIES
from sd_taskpacker.bus.plain import plain

RULES: Final = (
    f"type='signal',sender='{NAME}',path='{PATH}',interface='{MANAGER}'",
    f"type='signal',sender='{NAME}',path='{PATH}',interface='{PROPERTIES}',arg0='{MANAGER}'",
    f"type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{NAME}'",
)
"""The match rules that bring all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnded:
    """BatchComplete or BatchFailed."""

    id: str
    complete: bool
    parameters: dict[str, Any]
    slots: tuple[int, ...]
    """estimatedSlotsRemaining: how many more of size tiny, small, medium, large would start now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChanged:
    """A task, batch or workorder, is in a new state."""

    sequence: int
    """Of the event; `list_events` goes on from it."""
    id: str
    state: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FiguresChanged:
    """The Manager's properties that changed."""

    changed: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceGone:
    """The service left the bus. Its tasks go on: they are systemd's."""


@dataclass(frozen=True, slots=True)
class ServiceCame:
    """The service is there (again). What happened meanwhile was told to nobody: ask."""


@dataclass(frozen=True, slots=True)
class BusLost:
    """No further news will come, unless the client connects again (`Client.reconnect`)."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """Told by nobody but whoever waits: it is no use to wait any longer."""


News = BatchEnded | TaskChanged | FiguresChanged | ServiceGone | ServiceCame | BusLost | TimeUp


def news_of(message: Message) -> News | None:
    """None for every other message."""
    if message.message_type is not MessageType.SIGNAL:
        return None
    match message.interface, message.member, message.signature:
        case (names.MANAGER, "BatchComplete" | "BatchFailed" as member, "sa{sv}au"):
            task_id, parameters, slots = message.body
            complete = member == "BatchComplete"
            return BatchEnded(id=task_id, complete=complete, parameters=plain(parameters), slots=tuple(slots))
        case (names.MANAGER, "TaskChanged", "tssa{sv}"):
            sequence, task_id, state, details = message.body
            return TaskChanged(sequence=sequence, id=task_id, state=state, details=plain(details))
        case (names.PROPERTIES, "PropertiesChanged", "sa{sv}as"):
            return FiguresChanged(plain(message.body[1]))
        case (names.BUS, "NameOwnerChanged", "sss"):
            name, _, owner = message.body
            if name != NAME:
                return None
            return ServiceCame() if owner else ServiceGone()
        case _:
            return None
