# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that a test lets an ordinary user run: a client that means harm, until it is killed.

Alone in its file, for it runs with the installed Python, as somebody who cannot read the checkout. It speaks to the
bus by hand, as fast as the socket takes it, and writes a line to stdout when it has begun.
"""

from __future__ import annotations

import itertools
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from dbus_next import Message, MessageFlag, Variant

NAME, PATH, MANAGER = "org.sdtaskpacker1", "/org/sdtaskpacker1", "org.sdtaskpacker1.Manager"
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
REQUEST = "a(sa{sv}a{sv})"
UNANSWERED = 100
"""The bus throws out who has more than 128 calls under way."""


class Client:
    """A connection to the system bus that keeps to no rule but the bus's own."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/dbus/system_bus_socket")
        self.sock.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        self._serials = itertools.count(1)
        self.send(call(BUS_PATH, BUS, "Hello", to=BUS))

    def send(self, raw: bytearray) -> None:
        struct.pack_into("<I", raw, 8, next(self._serials))
        self.sock.sendall(raw)

    def drain(self) -> None:
        """Reads what has come."""
        while select.select([self.sock], [], [], 0)[0]:
            if not self.sock.recv(1 << 18):
                raise BrokenPipeError("the bus has thrown us out")

    def read_one(self) -> int:
        """Waits for something; about how many messages it was."""
        return max(1, self.sock.recv(1 << 16).count(b"l\x02") + 1)


def call(
    path: str, interface: str, member: str, signature: str = "", *body: Any, to: str = NAME, silent: bool = False
) -> bytearray:
    flags = MessageFlag.NO_REPLY_EXPECTED if silent else MessageFlag.NONE
    message = Message(to, path, interface, member, flags=flags, signature=signature, body=list(body), serial=1)
    return bytearray(message._marshall())


def manager(member: str, signature: str = "", *body: Any, silent: bool = False) -> bytearray:
    return call(PATH, MANAGER, member, signature, *body, silent=silent)


def looks(*, silent: bool = False) -> list[bytearray]:
    """What anybody may call, and what is not there."""
    return [
        manager("ListTasks", "a{sv}", {}, silent=silent),
        manager("GetTask", "s", "nosuch@1", silent=silent),
        manager("GetPlan", "s", "svg", silent=silent),
        manager("ListEvents", "tu", 0, 10_000, silent=silent),
        manager("Nonsense", silent=silent),
        call("/nowhere", MANAGER, "GetTask", "s", "x@1", silent=silent),
        call(PATH, "org.freedesktop.DBus.Properties", "GetAll", "s", MANAGER, silent=silent),
    ]


def flood_and_read() -> Iterator[None]:
    client, calls = Client(), itertools.cycle(looks())
    open_calls = 0
    while True:
        client.send(next(calls))
        open_calls += 1
        while open_calls >= UNANSWERED:
            open_calls -= client.read_one()
        yield


def flood_unread() -> Iterator[None]:
    """Till the bus has had enough of it; then once more."""
    calls = itertools.cycle(looks())
    while True:
        client = Client()
        with suppress(OSError):
            for _ in range(UNANSWERED):
                client.send(next(calls))
                yield
            time.sleep(0.05)


def flood_silent() -> Iterator[None]:
    """Of calls that want no answer the bus counts none."""
    client, calls = Client(), itertools.cycle(looks(silent=True))
    while True:
        client.send(next(calls))
        client.drain()
        yield


def submit() -> Iterator[None]:
    client, request = Client(), manager("BatchQueue", REQUEST, [["none", {}, {}]])
    open_calls = 0
    while True:
        client.send(request)
        open_calls += 1
        while open_calls >= UNANSWERED:
            open_calls -= client.read_one()
        yield


def huge() -> Iterator[None]:
    text = "x" * (1 << 20)
    calls = [
        manager("BatchSubmit", REQUEST, [[text[:-100], {}, {}]], silent=True),
        manager("GetTask", "s", text * 30, silent=True),
        manager("ListTasks", "a{sv}", {"root": Variant("s", text[: 1 << 19])}, silent=True),
    ]
    client = Client()
    for raw in itertools.cycle(calls):
        client.send(raw)
        client.drain()
        yield


def malformed() -> Iterator[None]:
    nested = Variant("s", "x")
    for _ in range(30):
        nested = Variant("v", nested)
    calls = [
        manager("BatchSubmit", "s", "good", silent=True),
        manager("BatchSubmit", "a" * 32 + "s", _deep([], 31), silent=True),
        manager("ListTasks", "a{sv}", {"state": nested}, silent=True),
        manager("BatchSubmit", REQUEST, [["none", {"size": nested}, {"x": nested}]], silent=True),
        manager("GetTask", "ay", bytes(8_000), silent=True),
        manager("BatchQueue", "au", list(range(100_000)), silent=True),
        manager("BatchTest", REQUEST, [["", {}, {}]] * 50_000, silent=True),
        manager("GetTask", "h", 0, silent=True),
        _unknown_header(manager("GetTask", "s", "x@1", silent=True)),
    ]
    client = Client()
    for raw in itertools.cycle(calls):
        try:
            client.send(raw)
            client.drain()
        except OSError:  # The bus's own idea of what is malformed.
            client = Client()
        yield


def _deep(value: list[Any], depth: int) -> list[Any]:
    return _deep([value], depth - 1) if depth else value


def _unknown_header(raw: bytearray) -> bytearray:
    """With a field that no specification names; a valid message all the same."""
    [length] = struct.unpack_from("<I", raw, 12)
    end = 16 + length + (-length & 7)
    field = bytes([99, 1]) + b"u\0" + struct.pack("<I", 7)
    head = raw[: 16 + length] + bytes(-length & 7) + field
    struct.pack_into("<I", head, 12, len(head) - 16)
    return bytearray(head + raw[end:])


def half_open() -> Iterator[None]:
    """The bus has 64 places for those who have not said who they are; some are left for others."""
    held = []
    for number in range(40):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect("/run/dbus/system_bus_socket")
        sock.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\n"[: 1 + number % 20])
        held.append(sock)
    cut = [Client() for _ in range(100)]
    for client in cut:
        client.sock.sendall(manager("ListTasks", "a{sv}", {})[:50])
    while True:
        time.sleep(0.1)
        yield


def crowd() -> Iterator[None]:
    """As many as the bus allows one user, and a few left for the others of these programs; each hears everything."""
    clients = [Client() for _ in range(250)]
    for client in clients:
        client.send(call(BUS_PATH, BUS, "AddMatch", "s", "type='signal'", to=BUS))
    yield
    calls = looks(silent=True)
    for client, raw in zip(itertools.cycle(clients), itertools.cycle(calls), strict=False):
        client.send(raw)
        client.drain()
        yield


ATTACKS: dict[str, Callable[[], Iterator[None]]] = {
    each.__name__: each
    for each in (flood_and_read, flood_unread, flood_silent, submit, huge, malformed, half_open, crowd)
}


def main() -> None:
    running = ATTACKS[sys.argv[1]]()
    next(running)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    for _ in running:
        pass


if __name__ == "__main__":
    main()
