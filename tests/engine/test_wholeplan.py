# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from sd_taskpacker.engine import wholeplan
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.wholeplan import KEPT_USEC, WholePlans
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.snapshot import Plan, Snapshot
from tests.engine.builders import BOOT, NOW, state, task, waiting
from tests.engine.fakes import Diary, FakeStore


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


class Planner:
    """The real one; it waits where `held` is, and counts."""

    def __init__(self) -> None:
        self.count = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails = 0

    def __call__(self, snapshot: Snapshot) -> Plan:
        self.count += 1
        assert self.go_on.wait(10)
        if self.fails:
            self.fails -= 1
            raise RuntimeError("a bug")
        return plan(snapshot)


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Planner]:
    planner = Planner()
    monkeypatch.setattr(wholeplan, "plan", planner)
    yield planner
    planner.go_on.set()


def plans_of(held: State, clock: Clock | None = None) -> WholePlans:
    return WholePlans(Loop(held, FakeStore(Diary()), clock or Clock(), boot_id=BOOT))


async def test_it_places_everything_and_knows_the_tasks() -> None:
    held = state(task("full", chunks=32), *(waiting(version=str(n), chunks=32) for n in range(3)))
    whole = await plans_of(held).get()
    assert {lease.owner for lease in whole.plan.placed} == {f"job@{n}" for n in range(3)}
    assert list(whole.tasks) == held.open_tasks()


async def test_who_asks_at_the_same_time_shares_one(planner: Planner) -> None:
    plans = plans_of(state(waiting()))
    first, *others = await asyncio.gather(*(plans.get() for _ in range(20)))
    assert planner.count == 1
    assert all(other is first for other in others)


async def test_it_is_kept_for_a_moment_while_nothing_happens(planner: Planner) -> None:
    clock = Clock()
    plans = plans_of(state(waiting()), clock)
    first = await plans.get()
    clock.now += KEPT_USEC - 1
    assert await plans.get() is first
    clock.now += 1
    assert (await plans.get()).plan.now == clock.now
    clock.now -= 100 * KEPT_USEC
    assert (await plans.get()).plan.now == clock.now
    assert planner.count == 3


async def test_after_something_has_happened_it_is_made_anew() -> None:
    held = state()
    plans = plans_of(held)
    assert (await plans.get()).tasks == ()
    held.line.put(one := waiting())
    plans.outdate()
    assert [lease.owner for lease in (await plans.get()).plan.placed] == [str(one.id)]


async def test_what_happens_while_one_is_made_is_in_the_next_which_waits_for_it(planner: Planner) -> None:
    planner.go_on.clear()
    held = state()
    plans = plans_of(held)
    early = asyncio.create_task(plans.get())
    await asyncio.sleep(0)
    held.line.put(waiting())
    plans.outdate()
    late = [asyncio.create_task(plans.get()) for _ in range(5)]
    await asyncio.sleep(0)
    planner.go_on.set()
    assert (await early).plan.placed == ()
    assert all(len(whole.plan.placed) == 1 for whole in await asyncio.gather(*late))
    assert planner.count == 2


async def test_who_goes_away_takes_it_from_nobody(planner: Planner) -> None:
    planner.go_on.clear()
    plans = plans_of(state())
    leaves, stays = asyncio.create_task(plans.get()), asyncio.create_task(plans.get())
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    planner.go_on.set()
    assert (await stays).plan.now == NOW


async def test_a_planner_that_fails_is_asked_again(planner: Planner) -> None:
    planner.fails = 1
    plans = plans_of(state())
    with pytest.raises(RuntimeError):
        await plans.get()
    assert (await plans.get()).plan.now == NOW


async def test_the_loop_goes_on_while_a_plan_is_made_and_drawn(planner: Planner) -> None:
    planner.go_on.clear()
    asked = asyncio.create_task(plans_of(state()).draw(lambda whole: threading.current_thread().name))
    await asyncio.sleep(0)
    planner.go_on.set()  # By the loop itself: a planner that held it would wait for ever.
    assert (await asked).startswith("plan")
