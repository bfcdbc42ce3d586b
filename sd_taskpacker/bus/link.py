# SPDX-License-Identifier: LGPL-2.1-or-later
"""One connection of a client to the service: calls, properties and news.

Messages are written by hand: no introspection, no proxy objects, one round trip per call. What comes back is
plain Python (variants unwrapped) or one of our errors.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from dbus_next.aio.message_bus import MessageBus
from dbus_next.constants import BusType, MessageFlag, MessageType
from dbus_next.errors import AuthError, DBusError, InvalidAddressError
from dbus_next.message import Message

from sd_taskpacker.bus.names import BUS, BUS_PATH, MANAGER, NAME, PROPERTIES
from sd_taskpacker.bus.news import RULES, BusLost, News, news_of
from sd_taskpacker.bus.plain import plain
from sd_taskpacker.errors import AccessDenied, TaskpackerError, Unreachable, from_bus
from sd_taskpacker.model.names import OBJECT_ROOT

CALL_TIMEOUT_SEC: Final = 90
"""Far above any honest answer: the bus itself tells at once when the service is gone, but not when it hangs."""
RECONNECT_PAUSE_SEC: Final = 0.25
"""Nobody tells when a bus comes back, so it is tried again and again."""
RECONNECT_TRIES: Final = 240
_DIAL_SEC: Final = 10

_ERROR = BUS + ".Error."
_ABSENT = {_ERROR + "ServiceUnknown", _ERROR + "NameHasNoOwner"}
_VANISHED = {_ERROR + "NoReply", _ERROR + "Disconnected", _ERROR + "Timeout", _ERROR + "TimedOut"}
_MISMATCH = {
    _ERROR + name for name in ("UnknownMethod", "InvalidArgs", "UnknownInterface", "UnknownObject", "UnknownProperty")
}
_CONNECTION_FAULTS = (OSError, EOFError, AuthError, InvalidAddressError, DBusError)


class Absent(Unreachable):
    """The service is not on the bus, or left before it answered. Its return is ServiceCame."""


class BusGone(Unreachable):
    """The connection to the bus is over; `reconnect` makes a new one."""


class Link:
    """Every method raises TaskpackerError; use it as an asynchronous context manager."""

    __slots__ = ("_bus", "_flags", "_news", "_tasks", "_user")

    def __init__(self, bus: _Bus, *, user: bool, interactive: bool = False) -> None:
        self._bus = bus
        self._flags = MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else MessageFlag.NONE
        self._user = user
        self._news: asyncio.Queue[News] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def connect(cls, *, user: bool, interactive: bool = False) -> Self:
        """`user`: the session bus, where a user's own instance lives, instead of the system bus. `interactive`: calls
        wait while polkit has somebody asked for a password."""
        return cls(await _dial(user=user), user=user, interactive=interactive)

    async def reconnect(self) -> None:
        """A new connection when the old one broke, as soon as the bus is back. News go on in the queue of `watch`;
        what happened meanwhile is in none. Raises Unreachable when the bus stays away."""
        for tries_left in reversed(range(RECONNECT_TRIES)):
            try:
                if not self._bus.connected:
                    bus = await _dial(user=self._user)
                    self._bus.hang_up()
                    self._bus = bus
                    if self._news is not None:
                        await self._listen(self._news)
                return
            except Unreachable:
                if not tries_left:
                    raise
            await asyncio.sleep(RECONNECT_PAUSE_SEC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._bus.connected:
            self._bus.disconnect()
        await self._disconnected()
        # Not cancelled, for they wait on a future of dbus-next that a cancellation would take from everyone.
        await asyncio.gather(*self._tasks)
        self._bus.hang_up()

    async def call(
        self, member: str, signature: str = "", body: Sequence[Any] = (), *, answer: str = ""
    ) -> list[Any]:
        """A method of the Manager. `answer` is the signature that the reply must have."""
        message = Message(NAME, OBJECT_ROOT, MANAGER, member, flags=self._flags, signature=signature, body=list(body))
        return await self._send(message, answer)

    async def get(self, name: str) -> Any:
        """One property of the Manager."""
        message = Message(NAME, OBJECT_ROOT, PROPERTIES, "Get", signature="ss", body=[MANAGER, name])
        (value,) = await self._send(message, "v")
        return plain(value)

    async def get_all(self) -> dict[str, Any]:
        """Every property of the Manager."""
        message = Message(NAME, OBJECT_ROOT, PROPERTIES, "GetAll", signature="s", body=[MANAGER])
        (values,) = await self._send(message, "a{sv}")
        return {key: plain(value) for key, value in values.items()}

    async def watch(self) -> asyncio.Queue[News]:
        """From its return on, every news is in the queue: watch first, then make the call that causes them.

        A signal is a hint and not the truth, for any client of the bus can send us one: ask `get_task`.
        """
        self._news = asyncio.Queue()
        await self._listen(self._news)
        return self._news

    async def _listen(self, queue: asyncio.Queue[News]) -> None:
        def on_message(message: Message) -> None:
            news = news_of(message)
            if news is not None:
                queue.put_nowait(news)

        self._bus.add_message_handler(on_message)
        self._tasks.append(asyncio.create_task(self._report_disconnect(queue)))
        for rule in RULES:
            await self._send(Message(BUS, BUS_PATH, BUS, "AddMatch", signature="s", body=[rule]), "")

    async def _report_disconnect(self, queue: asyncio.Queue[News]) -> None:
        await self._disconnected()
        queue.put_nowait(BusLost())

    async def _disconnected(self) -> None:
        # Why a connection broke is told to the call that was under way; here only the fact counts.
        with suppress(*_CONNECTION_FAULTS):
            await self._bus.wait_for_disconnect()

    async def _send(self, message: Message, answer: str) -> list[Any]:
        if not self._bus.connected:
            # dbus-next would accept the message and never answer.
            raise self._unanswered("The connection to the bus is broken", BusGone)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SEC):
                reply = await self._bus.call(message)
        except TimeoutError as error:
            raise self._unanswered(f"sd-taskpacker has not answered for {CALL_TIMEOUT_SEC}s") from error
        except _CONNECTION_FAULTS as error:
            raise self._unanswered("The connection to the bus broke before the answer came", BusGone) from error
        if reply is None:
            raise self._unanswered("The connection to the bus was closed before the answer came", BusGone)
        if reply.message_type is MessageType.ERROR:
            raise self._failure(message, reply)
        if reply.signature != answer:
            raise self.mismatch(f"{message.member} answered '{reply.signature}' where '{answer}' was expected")
        return list(reply.body)

    def _failure(self, call: Message, reply: Message) -> TaskpackerError:
        name = reply.error_name or ""
        text = str(reply.body[0]) if reply.body else name
        if name in _ABSENT or name.startswith(_ERROR + "Spawn."):
            return Absent("sd-taskpacker is not running", hint=f"{self._systemctl} start sd-taskpacker")
        if name in _VANISHED:
            return self._unanswered("sd-taskpacker went away before it answered", Absent)
        if name == _ERROR + "AccessDenied":
            return AccessDenied(f"The bus does not let you call {call.member}: {text}", hint=_WHO_MAY)
        if name in _MISMATCH:
            return self.mismatch(f"The running sd-taskpacker does not know {call.member}")
        return from_bus(name, text)

    def _unanswered(self, text: str, error: type[Unreachable] = Unreachable) -> Unreachable:
        hint = f"what it did is shown by taskpackerctl list; why it left, by {self._systemctl} status sd-taskpacker"
        return error(text, hint=hint)

    def mismatch(self, text: str) -> Unreachable:
        """The error for an answer of another form than expected."""
        hint = f"client and service differ in version: {self._systemctl} restart sd-taskpacker; tasks go on meanwhile"
        return Unreachable(text, hint=hint)

    @property
    def _systemctl(self) -> str:
        return "systemctl --user" if self._user else "systemctl"


_WHO_MAY = "become root, or have an admin add you to the group taskpacker"


class _Bus(MessageBus):
    """dbus-next 0.2.3 shuts its socket down, if at all, and leaves both handles of it to the garbage collector."""

    def _setup_socket(self) -> None:
        try:
            super()._setup_socket()
        except OSError:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        self._stream.close()
        self._sock.close()


async def _dial(*, user: bool) -> _Bus:
    address = bus_address(os.environ, user=user)
    try:
        bus = _Bus(address, BusType.SESSION if user else BusType.SYSTEM)
        try:
            async with asyncio.timeout(_DIAL_SEC):
                await bus.connect()
        except BaseException:
            bus.hang_up()
            raise
        return bus
    except _CONNECTION_FAULTS as error:
        which = "session" if user else "system"
        hint = "use --system for the machine's own instance" if user else "is dbus.service running?"
        raise Unreachable(f"Cannot connect to the {which} bus at {address}: {error}", hint=hint) from error


def bus_address(environment: Mapping[str, str], *, user: bool) -> str:
    """Where the bus listens, as sd-bus finds it (sd_bus_default(3)); dbus-next would go on to read X11's files."""
    if not user:
        return environment.get("DBUS_SYSTEM_BUS_ADDRESS") or "unix:path=/run/dbus/system_bus_socket"
    given = environment.get("DBUS_SESSION_BUS_ADDRESS")
    if given:
        return given
    runtime = environment.get("XDG_RUNTIME_DIR")
    if not runtime:
        hint = "log in with a session of your own, or set XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS"
        raise Unreachable("There is no session bus here", hint=hint)
    return f"unix:path={quote(runtime)}/bus"
