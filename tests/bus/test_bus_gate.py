# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may make us decode a large body; against a real dbus-daemon."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from dbus_next import DBusError, Message

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.gate import LARGE, MAX_WAITING_OF_ONE
from sd_taskpacker.errors import AccessDenied, TaskpackerError
from tests.bus.private_bus import NAME, PATH, Dial, unique
from tests.bus.test_bus_connection import answering, echo


async def _call(bus: Connection, to: Connection, text: str, member: str = "Echo") -> list[object]:
    return await bus.ask(unique(to), PATH, NAME, member, "s", [text])


async def test_a_large_call_is_judged_by_its_header_and_a_small_one_is_not(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    seen: list[tuple[str | None, list[object]]] = []

    async def judge(message: Message) -> TaskpackerError | None:
        seen.append((message.member, message.body))
        return AccessDenied("not you") if message.member == "Bad" else None

    answering(server, echo)
    server.guard(judge)
    assert await _call(caller, server, "small", "Bad") == ["small"]
    assert await _call(caller, server, "x" * LARGE) == ["x" * LARGE]
    with pytest.raises(DBusError, match="not you"):
        await _call(caller, server, "x" * LARGE, "Bad")
    assert seen == [("Echo", []), ("Bad", [])]


async def test_small_calls_are_served_while_large_ones_wait(dial: Dial) -> None:
    server, caller, other = await dial(), await dial(), await dial()
    opened = asyncio.Event()

    async def judge(message: Message) -> TaskpackerError | None:
        await opened.wait()
        return None

    answering(server, echo)
    server.guard(judge)
    large = asyncio.create_task(_call(caller, server, "x" * LARGE))
    assert await _call(other, server, "small") == ["small"]
    assert not large.done()
    opened.set()
    assert await large == ["x" * LARGE]


async def test_more_large_calls_than_may_wait_are_refused(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    opened = asyncio.Event()

    async def judge(message: Message) -> TaskpackerError | None:
        await opened.wait()
        return None

    answering(server, echo)
    server.guard(judge)
    calls = [asyncio.create_task(_call(caller, server, "x" * LARGE)) for _ in range(MAX_WAITING_OF_ONE + 5)]
    for refusal in itertools.islice(asyncio.as_completed(calls), 4):
        with pytest.raises(DBusError, match="too many large requests"):
            await refusal
    opened.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [str(answer) for answer in answers if isinstance(answer, DBusError)]
    assert len(refused) in (4, 5)  # MAX_WAITING_OF_ONE wait, and one more if it was being judged already.
    assert all("too many large requests" in text for text in refused)


async def test_a_judge_that_fails_answers_and_lets_the_next_one_through(dial: Dial) -> None:
    server, caller = await dial(), await dial()

    async def judge(message: Message) -> TaskpackerError | None:
        if message.member == "Bad":
            raise RuntimeError("a bug")
        return None

    answering(server, echo)
    server.guard(judge)
    with pytest.raises(DBusError, match="fault of its own"):
        await _call(caller, server, "x" * LARGE, "Bad")
    assert await _call(caller, server, "x" * LARGE) == ["x" * LARGE]
