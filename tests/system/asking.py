# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that a test lets a user, or a task, run: makes every call of a table on one connection, in order.

Alone in its file, for it runs with the installed Python, as somebody who cannot read the checkout. Its argument is a
file of JSON: `own`, ids of tasks of the caller's (empty: it submits them first), and `rows`, which are the calls. A
string `{own-running}` or `{own-waiting}` in a body is replaced; a list that begins with "v" is a variant.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from dbus_next import BusType, Message, MessageType, Variant
from dbus_next.aio import MessageBus

NAME, PATH = "org.sdtaskpacker1", "/org/sdtaskpacker1"
YES = "yes"
PATIENCE = 10
"""Seconds; nothing here waits for a person."""


def _value(given: Any, own: dict[str, str]) -> Any:
    if isinstance(given, str):
        return own.get(given, given)
    if isinstance(given, dict):
        return {key: _value(each, own) for key, each in given.items()}
    if isinstance(given, list) and given[:1] == ["v"]:
        return Variant(given[1], given[2])
    return [_value(each, own) for each in given] if isinstance(given, list) else given


async def _call(bus: MessageBus, path: str, interface: str, member: str, signature: str, body: list[Any]) -> Message:
    message = Message(NAME, path, interface, member, signature=signature, body=body)
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await bus.call(message)
    except TimeoutError:
        raise SystemExit(f"{member} was not answered within {PATIENCE} s") from None
    assert reply is not None
    return reply


async def _submit(bus: MessageBus) -> list[str]:
    requests: list[Any] = [[unit, {}, {}] for unit in ("runner", "waiter")]
    reply = await _call(bus, PATH, f"{NAME}.Manager", "BatchQueue", "a(sa{sv}a{sv})", [requests])
    return [accepted[0] for accepted, _ in reply.body[0]]


async def _main(spec: dict[str, Any]) -> dict[str, str]:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    running, waiting = spec["own"] or await _submit(bus)
    own = {"{own-running}": running, "{own-waiting}": waiting}
    found = {}
    for row, (path, interface, member, signature, *body) in spec["rows"].items():
        reply = await _call(bus, path, interface, member, signature, _value(body, own))
        failed = reply.message_type is MessageType.ERROR
        found[row] = f"{reply.error_name}: {reply.body[0]}" if failed else YES
    bus.disconnect()
    return found


if __name__ == "__main__":
    with open(sys.argv[1]) as _file:
        sys.stdout.write(json.dumps(asyncio.run(_main(json.load(_file)))))
