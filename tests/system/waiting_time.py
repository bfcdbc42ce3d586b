# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that a test runs beside others: how long each of its calls takes, to the service and to the bus itself.

A process of its own, so that nothing but the machine keeps it from its clock. Its argument is how many rounds; it
answers with JSON: the milliseconds of each call of the `service` and of the `bus`, and the `errors`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from dbus_next import BusType, Message, MessageType
from dbus_next.aio import MessageBus

NAME, PATH, MANAGER = "org.sdtaskpacker1", "/org/sdtaskpacker1", "org.sdtaskpacker1.Manager"
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"


def _calls(task: str) -> list[tuple[str, Message]]:
    """To whom, and what; in between, the bus is asked about the same service."""
    request = [["waiter", {}, {}]]
    service = [
        Message(NAME, PATH, MANAGER, "GetTask", signature="s", body=[task]),
        Message(NAME, PATH, MANAGER, "ListTasks", signature="a{sv}", body=[{}]),
        Message(NAME, PATH, MANAGER, "BatchSubmit", signature="a(sa{sv}a{sv})", body=[request]),
        Message(NAME, PATH, "org.freedesktop.DBus.Properties", "Get", signature="ss", body=[MANAGER, "ChunksFree"]),
    ]
    bus = Message(BUS, BUS_PATH, BUS, "GetNameOwner", signature="s", body=[NAME])
    return [each for call in service for each in (("service", call), ("bus", bus))]


async def _main(task: str, rounds: int) -> dict[str, Any]:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    found: dict[str, Any] = {"service": [], "bus": [], "errors": []}
    for _ in range(rounds):
        for whom, message in _calls(task):
            began = time.perf_counter()
            reply = await bus.call(message)
            found[whom].append((time.perf_counter() - began) * 1_000)
            if reply is None or reply.message_type is MessageType.ERROR:
                found["errors"].append(f"{message.member}: {reply and reply.body}")
    bus.disconnect()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_main(sys.argv[1], int(sys.argv[2])))))
