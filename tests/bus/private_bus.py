# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers on the private bus."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator

from dbus_next import Message, MessageFlag, MessageType

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.framing import Frame, Framer, decode

NAME, PATH = "org.example.Peer", "/org/example/Peer"

Dial = Callable[[], Awaitable[Connection]]


def unique(bus: Connection) -> str:
    return str(bus.unique_name)


class RawClient:
    """A peer that keeps to no rule of dbus-next, and reads only when asked to."""

    def __init__(self, address: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.connect(address.removeprefix("unix:path=").partition(",")[0])
        self._serial = 0
        self._sock.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        self.send(self.call_bus("Hello", "", []))

    def close(self) -> None:
        self._sock.close()

    def call_bus(self, member: str, signature: str, body: list[object]) -> bytes:
        return self._encoded(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member=member,
                signature=signature,
                body=body,
            )
        )

    def call(self, destination: str, member: str) -> bytes:
        return self._encoded(Message(destination=destination, path=PATH, interface=NAME, member=member))

    def call_with_descriptor(self, destination: str, member: str, fd: int) -> None:
        message = Message(
            destination=destination, path=PATH, interface=NAME, member=member, signature="h", body=[0], unix_fds=[fd]
        )
        socket.send_fds(self._sock, [self._encoded(message)], [fd])

    def send(self, raw: bytes) -> None:
        self._sock.sendall(raw)

    def hello(self) -> str:
        """Reads the bus's greeting: our unique name."""
        data = b""
        while b"NameAcquired" not in data:
            data += self._sock.recv(1 << 16)
        # As a signal's destination it is the first string of that form.
        return data[data.index(b":1.") :].partition(b"\0")[0].decode()

    def answer_calls(self, count: int, *, pause: float = 0) -> Iterator[tuple[Message, list[int]]]:
        """The next calls, each with the descriptors that came along, answered when the next one is asked for."""
        framer, descriptors = Framer(), list[int]()
        while count:
            time.sleep(pause)
            data, received, _flags, _peer = socket.recv_fds(self._sock, 4096, 64)
            assert data
            descriptors += received
            for frame in framer.feed(data):
                assert isinstance(frame, Frame)
                message = decode(frame.raw)
                if message.message_type is MessageType.METHOD_CALL:
                    ours, descriptors = descriptors[:1], descriptors[1:]
                    yield message, ours
                    self.send(self._encoded(Message.new_method_return(message)))
                    count -= 1

    def read_until(self, mark: bytes, count: int) -> int:
        """Reads until `mark` came `count` times, or, for an empty mark, until `count` replies came."""
        mark = mark or b"l\x02"
        data = b""
        while data.count(mark) < count:
            more = self._sock.recv(1 << 16)
            assert more, data[-500:]
            data += more
        return data.count(mark)

    def _encoded(self, message: Message) -> bytes:
        self._serial += 1
        message.serial = self._serial
        return bytes(message._marshall(negotiate_unix_fd=True))


def with_unknown_header_field(raw: bytes) -> bytes:
    """The bodiless message `raw` with a header field that no specification names."""
    [length] = struct.unpack_from("<I", raw, 12)
    fields = raw[16 : 16 + length]
    padded = fields + bytes(-len(fields) % 8) + bytes([99, 1]) + b"u\0" + struct.pack("<I", 7)
    return raw[:12] + struct.pack("<I", len(padded)) + padded + bytes(-len(padded) % 8)


def a_call(sender: str, text: str = "", *, silent: bool = False) -> Frame:
    flags = MessageFlag.NO_REPLY_EXPECTED if silent else MessageFlag.NONE
    message = Message("a.b", "/a", "a.b", "Do", flags=flags, signature="s", body=[text], serial=7)
    return Frame(with_sender(bytes(message._marshall()), sender))


def with_sender(raw: bytes, sender: str) -> bytes:
    """As the bus passes it on."""
    [length] = struct.unpack_from("<I", raw, 12)
    body = raw[16 + length + (-length & 7) :]
    fields = raw[16 : 16 + length] + bytes(-length & 7)
    fields += b"\7\1s\0" + struct.pack("<I", len(sender)) + sender.encode() + b"\0"
    return raw[:12] + struct.pack("<I", len(fields)) + fields + bytes(-len(fields) & 7) + body
