# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sd_taskpacker.host.heartbeat import Heartbeat
from sd_taskpacker.model.quantities import INFINITY

WATCHDOG = 30_000_000


class Sleeper:
    """Sleeps for a turn of the loop, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def turns() -> None:
    """So many that whoever sleeps with a Sleeper would have woken up."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def pulsing(heartbeat: Heartbeat) -> AsyncIterator[None]:
    pulse = asyncio.create_task(heartbeat.pulse())
    yield
    pulse.cancel()
    with suppress(asyncio.CancelledError):
        await pulse


async def test_who_has_nothing_to_do_puts_the_watchdog_off_and_sleeps() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    sleeper = Sleeper()
    heartbeat = Heartbeat(WATCHDOG, said.put_nowait, sleeper)
    heartbeat.note(idle=True)
    async with pulsing(heartbeat):
        assert await said.get() == f"WATCHDOG_USEC={INFINITY}"
        await turns()
        assert (said.empty(), sleeper.slept) == (True, [])
        heartbeat.note(idle=False)
        assert await said.get() == f"WATCHDOG=1\nWATCHDOG_USEC={WATCHDOG}"
        assert await said.get() == "WATCHDOG=1"
        heartbeat.note(idle=True)
        while (text := await said.get()) == "WATCHDOG=1":
            pass
        assert text == f"WATCHDOG_USEC={INFINITY}"


async def test_who_has_something_to_do_feeds_it() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    sleeper = Sleeper()
    heartbeat = Heartbeat(WATCHDOG, said.put_nowait, sleeper)
    heartbeat.note(idle=False)
    async with pulsing(heartbeat):
        assert {await said.get() for _ in range(3)} == {"WATCHDOG=1"}
    assert set(sleeper.slept) == {WATCHDOG / 3_000_000}


async def test_without_a_watchdog_systemd_is_told_nothing() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    async with pulsing(Heartbeat(0, said.put_nowait, Sleeper())):
        await turns()
    assert said.empty()
