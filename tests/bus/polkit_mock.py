# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.freedesktop.PolicyKit1 as far as we use it: records each question, and answers as a test has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dbus_next import Message, MessageType

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.polkit import AUTHORITY, POLKIT

YES, NO, CHALLENGE = (True, False), (False, False), (False, True)


@dataclass
class PolkitMock:
    bus: Connection
    by_rules: tuple[bool, bool] = NO
    """(is authorized, is a challenge) of a question without a dialog."""
    error: tuple[str, str] | None = None
    asked: list[list[Any]] = field(default_factory=list)
    dialogs: list[Message] = field(default_factory=list)
    """Questions for a person, open until `decide`."""
    taken_back: list[str] = field(default_factory=list)

    async def open(self) -> None:
        self.bus.add_message_handler(self._handle)
        await self.bus.own(POLKIT)

    def decide(self, answer: tuple[bool, bool]) -> None:
        self.bus.send(_reply(self.dialogs.pop(0), answer))

    def _handle(self, message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL or message.interface != AUTHORITY:
            return False
        if message.member == "CancelCheckAuthorization":
            self.taken_back.append(message.body[0])
            return True
        self.asked.append(message.body)
        if self.error:
            return Message.new_error(message, *self.error)
        if message.body[3]:
            self.dialogs.append(message)
            return True
        return _reply(message, self.by_rules)


def _reply(message: Message, answer: tuple[bool, bool]) -> Message:
    return Message.new_method_return(message, "(bba{ss})", [[*answer, {}]])
