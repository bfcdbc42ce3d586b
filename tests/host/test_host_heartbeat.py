# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sd_taskpacker.host.heartbeat import Heartbeat
from sd_taskpacker.model.quantities import INFINITY

WATCHDOG = 30_000
"""usec: a pulse each 10 ms."""


@asynccontextmanager
async def pulsing(heartbeat: Heartbeat) -> AsyncIterator[None]:
    pulse = asyncio.create_task(heartbeat.pulse())
    yield
    pulse.cancel()
    with suppress(asyncio.CancelledError):
        await pulse


async def test_who_has_nothing_to_do_puts_the_watchdog_off_and_sleeps() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    heartbeat = Heartbeat(WATCHDOG, said.put_nowait)
    heartbeat.note(idle=True)
    async with pulsing(heartbeat):
        assert await said.get() == f"WATCHDOG_USEC={INFINITY}"
        await asyncio.sleep(0.05)
        assert said.empty()
        heartbeat.note(idle=False)
        assert await said.get() == f"WATCHDOG=1\nWATCHDOG_USEC={WATCHDOG}"
        assert await said.get() == "WATCHDOG=1"
        heartbeat.note(idle=True)
        while (text := await said.get()) == "WATCHDOG=1":
            pass
        assert text == f"WATCHDOG_USEC={INFINITY}"


async def test_who_has_something_to_do_feeds_it() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    heartbeat = Heartbeat(WATCHDOG, said.put_nowait)
    heartbeat.note(idle=False)
    async with pulsing(heartbeat):
        assert {await said.get() for _ in range(3)} == {"WATCHDOG=1"}


async def test_without_a_watchdog_systemd_is_told_nothing() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    async with pulsing(Heartbeat(0, said.put_nowait)):
        await asyncio.sleep(0.01)
    assert said.empty()
