# SPDX-License-Identifier: LGPL-2.1-or-later
"""How messages leave: what keeps dbus-next's writer from breaking the connection, from sending a wrong file and from
holding more than there is memory for."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from dbus_next import DBusError, ErrorType, Message
from dbus_next.aio import MessageBus
from dbus_next.aio.message_bus import _MessageWriter

from sd_taskpacker.bus.encoding import encode

_NO_ROOM = (errno.EAGAIN, errno.ETOOMANYREFS)
"""The second: more descriptors of this user are under way than one process may have open (unix(7)); the bus
reads on."""
MANY: Final = 100
"""Messages that wait to leave, from which on whoever can wait does."""


class PatientSocket:
    """What dbus-next's writer sees of the socket. On a full socket it takes no bytes, and the writer, which keeps
    what was not taken, is called again when there is room; the real one raises, and the writer then gives up.

    Descriptors travel with the first bytes that the socket takes. The writer hands them over once, with its first
    attempt, so they are kept here until an attempt succeeds."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ancillary: Sequence[Any] = ()

    def sendmsg(self, buffers: Sequence[memoryview], ancillary: Sequence[Any]) -> int:
        self._ancillary = ancillary
        return self.send(*buffers)

    def send(self, data: memoryview) -> int:
        try:
            taken = self._sock.sendmsg([data], self._ancillary)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            return 0
        self._ancillary = ()
        return taken


class PatientWriter(_MessageWriter):
    """dbus-next's writer, which tells when there is room for more."""

    def __init__(self, bus: MessageBus, sock: socket.socket) -> None:
        super().__init__(bus)
        self.sock = PatientSocket(sock)
        self._room = asyncio.Event()
        self._room.set()
        self._waits_for_socket = False

    async def room(self) -> None:
        """Returns when little is waiting to leave, and never before everybody else had a turn."""
        await asyncio.sleep(0)
        await self._room.wait()

    def give_up(self) -> None:
        """Nothing will leave any more: nobody is to wait for that."""
        self._room.set()

    def buffer_message(self, msg: Message, future: asyncio.Future[None] | None = None) -> None:
        self._add(encode(msg, with_descriptors=self.negotiate_unix_fd), list(msg.unix_fds or ()), future)

    def schedule_write(self, msg: Message | None = None, future: asyncio.Future[None] | None = None) -> None:
        """As in dbus-next, which asks the loop to watch the socket anew for each message."""
        if msg is not None:
            self.buffer_message(msg, future)
        if self.bus.unique_name and not self._waits_for_socket:
            self._waits_for_socket = True
            self.loop.add_writer(self.fd, self.write_callback)

    def put(self, data: bytes | bytearray) -> None:
        """A message that is encoded already, and that nobody waits for."""
        self._add(data, [], None)
        self.schedule_write()

    def _add(self, data: bytes | bytearray, descriptors: list[int], left: asyncio.Future[None] | None) -> None:
        self.messages.put_nowait((data, descriptors, left))
        if self.messages.qsize() >= MANY:
            self._room.clear()

    def write_callback(self) -> None:
        super().write_callback()
        self._waits_for_socket = self.buf is not None
        if self.messages.qsize() < MANY:
            self._room.set()


class Copies:
    """Copies of the descriptors in messages that have not left yet.

    A message may wait for the socket longer than its sender waits for the answer. By then the number of a descriptor
    that was closed may stand for any other file."""

    def __init__(self) -> None:
        self._held: set[contextlib.ExitStack] = set()

    def send(self, message: Message, send: Callable[[Message], asyncio.Future[None]]) -> asyncio.Future[None]:
        """`send` with copies in the message, which are closed when its future is done."""
        with contextlib.ExitStack() as copies:
            message.unix_fds = [_copy(fd, copies) for fd in message.unix_fds]
            future = send(message)
            held = copies.pop_all()
        self._held.add(held)
        future.add_done_callback(lambda _: self._close(held))
        return future

    def close(self) -> None:
        """The connection is lost: nothing will leave any more."""
        for held in list(self._held):
            self._close(held)

    def _close(self, held: contextlib.ExitStack) -> None:
        held.close()
        self._held.discard(held)


def _copy(fd: int, copies: contextlib.ExitStack) -> int:
    try:
        copy = os.dup(fd)
    except OSError as error:
        raise DBusError(ErrorType.LIMITS_EXCEEDED, f"no descriptor can be sent: {error.strerror}") from error
    copies.callback(os.close, copy)
    return copy
