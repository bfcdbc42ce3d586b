# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio

import pytest

from sd_taskpacker.engine import retention
from sd_taskpacker.engine.ports import Remembered
from sd_taskpacker.engine.retention import Retention
from sd_taskpacker.model.config import History
from tests.engine.builders import NOW, TODAY
from tests.engine.daemon import Daemon

DAY = 86_400_000_000


async def test_what_the_configuration_says_is_what_the_store_is_told() -> None:
    daemon = Daemon()
    kept = Retention(daemon.loop)
    kept.history = History(days=2, events=5_000)
    assert not await kept.step()
    assert daemon.diary == [f"forget {NOW - 2 * DAY} 5000", "forget-names 20270113"]


async def test_names_that_the_store_forgets_are_forgotten_unless_they_were_used_again() -> None:
    old, used = ("20200101", 3), (TODAY, 1)
    daemon = Daemon(remembered=Remembered(serials={"old": old, "used": used}, learnt={"old": (5,), "used": (6,)}))
    daemon.store.old_names = ["old", "used", "unheard"]
    await Retention(daemon.loop).step()
    state = daemon.loop.state
    assert (state.serial("old"), state.serial("used")) == (None, used)
    assert (state.has_learnt("old"), state.has_learnt("used")) == (False, True)


async def test_it_goes_on_until_nothing_is_left_to_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_SECONDS", 0)
    daemon = Daemon()
    daemon.store.forgettable = 4
    worker = asyncio.create_task(Retention(daemon.loop).run())
    await daemon.sees(lambda: daemon.store.forgettable == 0)
    worker.cancel()
    await asyncio.wait([worker])
    assert len(daemon.diary.about("forget")) == 4
