# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private dbus-daemon, and on it a stand-in for the service that records calls and answers what it was told to."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_next.aio.message_bus import MessageBus
from dbus_next.constants import MessageType
from dbus_next.message import Message
from dbus_next.signature import Variant

BUS_NAME = "org.sdtaskpacker1"
MANAGER = "org.sdtaskpacker1.Manager"
PATH = "/org/sdtaskpacker1"
ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds after which what a test waits for will not come; far above any that passes."""

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {rules}
  </policy>
</busconfig>
"""


@asynccontextmanager
async def private_bus(directory: Path, *, rules: str = "") -> AsyncIterator[str]:
    """A bus of its own below `directory` -> its address."""
    socket = directory / "bus"
    config = directory / "bus.conf"
    config.write_text(_CONFIG.format(socket=socket, rules=rules), encoding="utf-8")
    daemon = await asyncio.create_subprocess_exec(
        "dbus-daemon", f"--config-file={config}", "--nofork", "--print-address", stdout=subprocess.PIPE
    )
    assert daemon.stdout is not None
    address = (await daemon.stdout.readline()).decode().strip()
    try:
        assert address, "dbus-daemon did not start; it said why on stderr"
        yield address
    finally:
        if daemon.returncode is None:
            daemon.terminate()
        await daemon.communicate()


Answer = tuple[str, Any] | None


@dataclass(slots=True)
class Standin:
    """`answers`: member -> (signature, body), or (error name, [text]) for an error, or None to say nothing at all;
    or what makes one of these from the call's arguments."""

    bus: MessageBus
    answers: dict[str, Answer | Callable[..., Answer]] = field(
        default_factory=lambda: {"ListEvents": ("a(ttssa{sv})", [[]])}
    )
    calls: list[tuple[str, str, list[Any]]] = field(default_factory=list)
    before: dict[str, list[tuple[str, str, list[Any]]]] = field(default_factory=dict)
    """Signals sent just before the answer to a member, where a client that watches too late misses them."""
    after: dict[str, list[tuple[str, str, list[Any]]]] = field(default_factory=dict)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def on_message(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL or message.path != PATH:
            return False
        member = message.member or ""
        self.calls.append((member, message.signature, message.body))
        self.arrival.set()
        for signal in self.before.get(member, ()):
            self.emit(*signal)
        answer = self.answers.get(member, ("", []))
        answer = answer(*message.body) if callable(answer) else answer
        if answer is not None:
            self.bus.send(_reply(message, *answer))
        for signal in self.after.get(member, ()):
            self.emit(*signal)
        return True

    def emit(self, member: str, signature: str, body: list[Any]) -> None:
        interface = "org.freedesktop.DBus.Properties" if member == "PropertiesChanged" else MANAGER
        self.bus.send(Message.new_signal(PATH, interface, member, signature, body))

    async def sent(self) -> None:
        """Everything emitted so far has left. dbus-next breaks its connection when a socket's buffer runs over, so
        who emits hundreds waits in between."""
        name = "org.freedesktop.DBus"
        await self.bus.call(Message(name, "/org/freedesktop/DBus", name, "GetId"))

    async def seen(self, member: str, process: asyncio.subprocess.Process) -> None:
        """Returns once `process` has called `member`; if it ends without, the test fails with what it said."""
        over = asyncio.create_task(process.wait())
        while not self.called(member):
            arrival = asyncio.create_task(self.arrival.wait())
            done, _ = await asyncio.wait([arrival, over], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            arrival.cancel()
            self.arrival.clear()
            if arrival not in done and not self.called(member):
                raise AssertionError(f"{member} was not called: {await finish(process)}")
        over.cancel()

    def called(self, member: str) -> list[list[Any]]:
        return [body for name, _, body in self.calls if name == member]


@asynccontextmanager
async def standin(address: str) -> AsyncIterator[Standin]:
    bus = await MessageBus(address).connect()
    service = Standin(bus)
    bus.add_message_handler(service.on_message)
    await bus.request_name(BUS_NAME)
    try:
        yield service
    finally:
        if bus.connected:
            bus.disconnect()
        with suppress(EOFError):  # The bus may have left first.
            await bus.wait_for_disconnect()
        bus._stream.close()
        bus._sock.close()


def _reply(call: Message, signature: str, body: Any) -> Message:
    if "." in signature:
        return Message.new_error(call, signature, body[0])
    return Message.new_method_return(call, signature, body)


def variants(task: Mapping[str, Any]) -> dict[str, Variant]:
    return {key: Variant(_signature(value), value) for key, value in task.items()}


def _signature(value: Any) -> str:
    match value:
        case bool():
            return "b"
        case int():
            return "t"
        case str():
            return "s"
        case list():
            return "as"
        case _:
            return "a{sv}"


def task(task_id: str, *, state: str = "running", **details: Any) -> dict[str, Variant]:
    """A task as GetTask answers it."""
    name, _, version = task_id.partition("@")
    shown: dict[str, Any] = {
        "id": task_id,
        "name": name,
        "version": version,
        "root": name.partition("/")[0],
        "state": state,
    }
    shown |= {"kind": "batch", "unit": name.rpartition("/")[2], "description": "", "chunks": 4, "cpus": 1}
    shown |= {"memory_max": 128 << 20, "priority": 100, "uid": 0, "submitted": 1_795_258_385_000_000}
    shown |= {"started": 1_795_258_385_000_000, "argv": ["/bin/true"], "parameters": {}}
    shown |= {"systemd_unit": f"taskpacker-{name}.service", "directory": f"/var/lib/sd-taskpacker/{name}"}
    return variants(shown | details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    status: int
    out: str
    err: str


async def start(address: str, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sd_taskpacker",
        "--user",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address, "TZ": "UTC", "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def run(address: str, *arguments: str, **environment: str) -> Finished:
    """`taskpackerctl --user ARGUMENTS` as a process of its own."""
    return await finish(await start(address, *arguments, **environment))


async def finish(process: asyncio.subprocess.Process) -> Finished:
    """What it has not said yet, and its exit status. One that does not end fails the test."""
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return Finished(status=process.returncode, out=out.decode(), err=err.decode())


async def line(stream: asyncio.StreamReader | None) -> str:
    """The next one; empty when there will be none."""
    assert stream is not None
    async with asyncio.timeout(PATIENCE):
        return (await stream.readline()).decode()
