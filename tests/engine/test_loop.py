# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio

from sd_taskpacker.engine.events import Drained, Resumed
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.turn import Decision
from tests.engine.builders import BOOT, NOW, state
from tests.engine.fakes import Diary, FakeStore


def committed(store: FakeStore) -> list[list[str]]:
    return [sorted(type(event).__name__ for event in events) for events in store.commits]


async def test_what_is_not_hurried_goes_with_the_next_turn() -> None:
    store = FakeStore(Diary())
    loop = Loop(state(), store, lambda: NOW, boot_id=BOOT)
    later = asyncio.ensure_future(loop.ask(lambda now: Decision([Resumed()]), hurried=False))
    await asyncio.sleep(0)  # It is put aside.
    turns = asyncio.ensure_future(loop.run(lambda events: None))
    await loop.ask(lambda now: Decision([Drained()]))
    await later
    turns.cancel()
    assert committed(store) == [["Drained", "Resumed"]]


async def test_what_is_not_hurried_has_a_turn_of_its_own_when_nothing_else_comes() -> None:
    store = FakeStore(Diary())
    loop = Loop(state(), store, lambda: NOW, boot_id=BOOT)
    turns = asyncio.ensure_future(loop.run(lambda events: None))
    await loop.ask(lambda now: Decision([Drained()]), hurried=False)
    turns.cancel()
    assert committed(store) == [["Drained"]]
