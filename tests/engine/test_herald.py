# SPDX-License-Identifier: LGPL-2.1-or-later
"""News in its order, no faster than it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sd_taskpacker.engine.herald import AT_ONCE, Herald
from sd_taskpacker.model.unit import Kind
from tests.engine.builders import ended, state, task
from tests.engine.fakes import Diary, FakeSignals


class Bus:
    """Takes news only while it is `open`."""

    def __init__(self) -> None:
        self.diary = Diary()
        self.open = asyncio.Event()
        self.herald = Herald(state(), FakeSignals(self.diary), self._room)

    async def _room(self) -> None:
        await asyncio.sleep(0)
        await self.open.wait()


@asynccontextmanager
async def telling(bus: Bus) -> AsyncIterator[Bus]:
    work = asyncio.create_task(bus.herald.run())
    bus.herald.announce()
    try:
        yield bus
    finally:
        work.cancel()
        await asyncio.wait([work])


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_bus_that_takes_nothing_is_sent_little_and_everything_later() -> None:
    async with telling(Bus()) as bus:
        for number in range(3 * AT_ONCE):
            bus.herald.changed(number, task("a"))
        await _settled()
        assert len(bus.diary) == AT_ONCE
        bus.open.set()
        await _settled()
        assert len(bus.diary) == 3 * AT_ONCE


async def test_the_end_is_told_after_the_change_and_then_it_returns() -> None:
    over = ended(task("a"))
    async with telling(Bus()) as bus:
        bus.open.set()
        bus.herald.changed(1, over)
        async with asyncio.timeout(10):
            await bus.herald.ended(over)
        assert bus.diary == [f"changed {over.id} complete", f"signal {over.id} success"]


async def test_nobody_is_told_that_a_workorder_completed() -> None:
    async with telling(Bus()) as bus:
        bus.open.set()
        async with asyncio.timeout(10):
            await bus.herald.ended(ended(task("a", kind=Kind.WORKORDER)))
        assert bus.diary == []
