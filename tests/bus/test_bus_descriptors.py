# SPDX-License-Identifier: LGPL-2.1-or-later
"""File descriptors over a real dbus-daemon: they arrive once, with their own message, and none stays with us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

import pytest
from dbus_next import DBusError, Message, MessageType

from sd_taskpacker.bus.connection import Connection, connect
from sd_taskpacker.errors import Unreachable
from tests.bus.private_bus import NAME, PATH, Dial, RawClient, unique

BURST = 1000
LONG = "x" * 8000
"""So long that what is in flight does not fit into the socket."""


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def settled(count: int) -> None:
    """Returns when no more than `count` descriptors are open; what was sent is closed a turn of the loop later."""
    while True:
        if open_descriptors() <= count:
            return
        await asyncio.sleep(0.01)


async def stuck(bus: Connection) -> None:
    """Returns when the socket takes no more, in the middle of a message."""
    while True:
        if bus._writer.buf is not None:
            return
        await asyncio.sleep(0.01)


async def pass_on(bus: Connection, to: str, fd: int, number: int = 0, **more: float) -> None:
    await bus.ask(to, PATH, NAME, "Take", "uhs", (number, 0, LONG), descriptors=[fd], **more)


async def test_a_descriptor_arrives_with_its_call_and_works(dial: Dial, raw_client: RawClient) -> None:
    bus, to = await dial(), raw_client.hello()
    reading, writing = os.pipe()

    def serve() -> None:
        for message, [fd] in raw_client.answer_calls(1):
            os.write(fd, f"heard {message.body[0]}".encode())
            os.close(fd)

    await asyncio.gather(asyncio.to_thread(serve), pass_on(bus, to, writing, 7))
    os.close(writing)
    assert os.read(reading, 100) == b"heard 7"
    assert os.read(reading, 100) == b""
    os.close(reading)


async def test_a_burst_to_a_slow_reader_brings_each_its_own_descriptor_once(
    bus_process: tuple[str, subprocess.Popen[str]], dial: Dial, raw_client: RawClient, files: list[int]
) -> None:
    _, daemon = bus_process
    bus, to = await dial(), raw_client.hello()
    before = open_descriptors()
    wrong: list[int] = []

    def serve() -> None:
        for message, got in raw_client.answer_calls(BURST, pause=0.0005):
            right = [os.path.sameopenfile(fd, files[message.body[0] % len(files)]) for fd in got]
            if right != [True]:
                wrong.append(message.body[0])
            for fd in got:
                os.close(fd)

    # While the bus reads nothing the socket fills up, in the middle of a message.
    daemon.send_signal(signal.SIGSTOP)
    calls = [asyncio.ensure_future(pass_on(bus, to, files[n % len(files)], n)) for n in range(BURST)]
    await stuck(bus)
    daemon.send_signal(signal.SIGCONT)
    await asyncio.gather(asyncio.to_thread(serve), *calls)
    assert wrong == []
    await settled(before)


async def test_a_descriptor_that_the_caller_has_closed_is_still_the_right_one(
    bus_process: tuple[str, subprocess.Popen[str]], dial: Dial, raw_client: RawClient, files: list[int]
) -> None:
    _, daemon = bus_process
    bus, to = await dial(), raw_client.hello()
    before = open_descriptors()
    daemon.send_signal(signal.SIGSTOP)
    for number in range(60):
        fd = os.dup(files[number % len(files)])
        with pytest.raises(Unreachable, match="did not answer"):
            await pass_on(bus, to, fd, number, patience=0.001)
        os.close(fd)
    daemon.send_signal(signal.SIGCONT)

    def serve() -> list[bool]:
        right = []
        for message, [fd] in raw_client.answer_calls(60):
            right.append(os.path.sameopenfile(fd, files[message.body[0] % len(files)]))
            os.close(fd)
        return right

    assert await asyncio.to_thread(serve) == [True] * 60
    await settled(before)


async def test_a_lost_bus_leaves_no_descriptor_behind(
    bus_process: tuple[str, subprocess.Popen[str]], files: list[int]
) -> None:
    address, daemon = bus_process
    before = open_descriptors()
    bus = await connect(address)
    daemon.send_signal(signal.SIGSTOP)
    calls = [asyncio.ensure_future(pass_on(bus, ":1.99", files[0])) for _ in range(60)]
    await stuck(bus)
    daemon.kill()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} == {Unreachable}
    await bus.close()
    await settled(before)


async def test_a_call_that_cannot_be_encoded_leaves_no_descriptor_behind(dial: Dial, files: list[int]) -> None:
    bus = await dial()
    before = open_descriptors()
    with pytest.raises(DBusError, match="no descriptor can be sent: Bad file descriptor"):
        await bus.ask(unique(bus), PATH, NAME, "Take", "hh", (0, 1), descriptors=[files[0], 1 << 20])
    with pytest.raises(Exception, match="must be Python type"):
        await bus.ask(unique(bus), PATH, NAME, "Take", "hs", (0, 1), descriptors=[files[0]])
    assert open_descriptors() == before


async def test_descriptors_that_others_send_us_are_closed_and_the_stream_stays_whole(
    dial: Dial, raw_client: RawClient, files: list[int]
) -> None:
    server, to = await dial(), raw_client.hello()
    seen: list[tuple[str, list[object]]] = []

    def note(message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        seen.append((str(message.sender), message.body))
        return Message.new_method_return(message)

    server.add_message_handler(note)
    before = open_descriptors()
    for number in range(100):
        raw_client.call_with_descriptor(unique(server), "Take", files[number % len(files)])
        if number % 10 == 0:
            raw_client.send(raw_client.call(unique(server), "Plain"))
    await asyncio.to_thread(raw_client.read_until, b"", 110)
    assert open_descriptors() == before
    assert [body for _, body in seen] == [[0], [], *[[0]] * 9] * 10
    assert {sender for sender, _ in seen} == {to}
    assert server.connected
