# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong, as a caller sees it.

Each class has the name it carries on the bus and the exit status the command line answers with. The message
says what is wrong and where; `hint` says what to do.
"""

from __future__ import annotations

from typing import ClassVar

BUS_PREFIX = "org.sdtaskpacker1.Error."
_HINT_MARK = "\nHint: "
"""Between message and hint in the text of an error reply: busctl shows both, `from_bus` tells them apart."""

SPLIT = "split the call"
"""How a LimitExceeded begins what to do where two calls of half the size may pass."""


class TaskpackerError(Exception):
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def bus_text(self) -> str:
        """What an error reply carries beside the name."""
        return f"{self.message}{_HINT_MARK}{self.hint}" if self.hint else self.message

    @classmethod
    def bus_name(cls) -> str:
        return BUS_PREFIX + cls.__name__


class NoSuchUnit(TaskpackerError):
    """There is no such unit file, or it is refused."""

    exit_status = 65


class InvalidParameters(TaskpackerError):
    """The parameters do not fit the unit's [Parameter] sections."""

    exit_status = 65


class InvalidArgs(TaskpackerError):
    """What is asked of the scheduler is wrong, or the shape of the request."""

    exit_status = 65


class NoSuchTask(TaskpackerError):
    """There is no task of that id."""

    exit_status = 4


class WrongState(TaskpackerError):
    """The task is not in a state for this."""


class Decommissioned(TaskpackerError):
    """The root takes no more work."""

    exit_status = 75


class LimitExceeded(TaskpackerError):
    """Too many, too long, or the disk is full; nothing was done."""

    exit_status = 75


class AccessDenied(TaskpackerError):
    """This caller may not do this."""

    exit_status = 77


class Unreachable(TaskpackerError):
    """The service does not answer."""

    exit_status = 69


class Internal(TaskpackerError):
    """Our own fault; the service's journal has the details."""


def from_bus(name: str, text: str) -> TaskpackerError:
    """The error a client raises for an error reply: our own class where the name is ours."""
    for cls in TaskpackerError.__subclasses__():
        if cls.bus_name() == name:
            message, _, hint = text.partition(_HINT_MARK)
            return cls(message, hint=hint)
    return Unreachable(f"{name}: {text}")
