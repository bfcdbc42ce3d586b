# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_taskpacker.engine.cycle import HOLD_OFF_USEC, MANY, REFRESH_USEC, STORE_RETRY_USEC, Cycle
from sd_taskpacker.engine.events import (
    Drained,
    Event,
    Resumed,
    TaskAltered,
    TaskClosed,
    TaskEnded,
    TaskPromised,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.task import Result, Task, TaskState
from tests.engine.builders import BOOT, NOW, SECOND, at_once, ended, state, task, waiting

MINUTE = 60 * SECOND


def begun(held: State) -> Cycle:
    cycle = Cycle(held, BOOT, at_once)
    cycle.begin()
    return cycle


def follow(cycle: Cycle, held: State, *events: Event, now: int = NOW) -> list[Event]:
    """Applies the turn's events and what follows, as a turn does."""

    async def applied() -> list[Event]:
        followed = []
        async for event in cycle.follow(events, now):
            held.apply(event)
            followed.append(event)
        return followed

    for event in events:
        held.apply(event)
    return asyncio.run(applied())


def full(minutes: int = 10) -> Task:
    """It holds all of the 32 chunks."""
    return task("full", chunks=32, expected_usec=minutes * MINUTE)


def test_what_has_room_starts_in_this_boot() -> None:
    held = state()
    (started,) = follow(begun(held), held, TaskQueued(waiting(boot_id="an earlier boot")))
    assert isinstance(started, TaskStarted)
    assert (started.task.state, started.task.started_usec, started.task.boot_id) == (TaskState.RUNNING, NOW, BOOT)


def test_what_has_no_room_is_promised_a_start_once() -> None:
    held, one = state(full()), waiting()
    cycle = begun(held)
    (promised,) = follow(cycle, held, TaskQueued(one))
    assert isinstance(promised, TaskPromised)
    assert promised.start > NOW + 10 * MINUTE
    assert follow(cycle, held, TaskAltered(full(minutes=20))) == []
    assert held.task(one.id) == waiting(promised_usec=promised.start)


def test_what_a_later_one_changes_in_the_order_leaves_the_promise() -> None:
    held, one = state(full(), waiting(expected_usec=60 * MINUTE)), waiting(version="small", expected_usec=SECOND)
    cycle = begun(held)
    (first,) = follow(cycle, held)
    (second,) = follow(cycle, held, TaskQueued(one))
    assert isinstance(first, TaskPromised)
    assert isinstance(second, TaskPromised)
    assert [task.promised_usec for task in held.line] == [first.start, second.start]


def test_who_was_promised_this_moment_goes_first() -> None:
    long, quick = (
        waiting("long", chunks=32, expected_usec=60 * MINUTE, promised_usec=NOW + MINUTE),
        waiting("quick", chunks=32, expected_usec=SECOND, promised_usec=NOW + 60 * MINUTE),
    )
    held = state(running := full(), quick, long)
    cycle = begun(held)
    follow(cycle, held)
    (event,) = follow(cycle, held, TaskEnded(ended(running)), now=NOW + MINUTE)
    assert isinstance(event, TaskStarted)
    assert event.task.id == long.id


def test_the_end_of_what_ran_starts_what_waited_in_the_same_turn() -> None:
    held = state(running := full(), waiting())
    cycle = begun(held)
    follow(cycle, held)
    (started,) = follow(cycle, held, TaskEnded(ended(running)))
    assert isinstance(started, TaskStarted)


def test_nothing_is_looked_at_while_nothing_has_changed() -> None:
    held = state(full(), waiting())
    cycle = begun(held)
    follow(cycle, held)
    seen = cycle.latest
    follow(cycle, held, TaskClosed(task("other").id), now=NOW + MINUTE)
    assert cycle.latest is seen
    follow(cycle, held, now=NOW + REFRESH_USEC)
    assert cycle.latest is not seen


def test_where_many_wait_one_more_is_not_planned_at_once_but_an_end_is() -> None:
    held = state(running := full(), *(waiting(version=str(n)) for n in range(MANY + 1000)))
    cycle = begun(held)
    follow(cycle, held)
    assert follow(cycle, held, TaskQueued(one := waiting("late"))) == []
    assert cycle.wake == NOW + 1001 * HOLD_OFF_USEC
    soon = NOW + 1001 * HOLD_OFF_USEC
    cancelled = waiting(version="0")
    assert follow(cycle, held, TaskEnded(ended(cancelled, Result.CANCELLED))) == []
    assert [type(event) for event in follow(cycle, held, now=soon)] == [TaskPromised]
    assert held.task(one.id) != one
    assert TaskStarted in {type(event) for event in follow(cycle, held, TaskEnded(ended(running)), now=soon)}


def test_while_nothing_waits_it_never_wakes() -> None:
    held = state(full())
    cycle = begun(held)
    assert (follow(cycle, held), cycle.wake, cycle.latest) == ([], None, None)


def test_it_wakes_for_the_next_promise_the_next_deadline_and_in_any_case_after_a_while() -> None:
    for promise, deadline, wakes in ((2, None, 2), (60, NOW + 3 * MINUTE, 3), (60, None, 5)):
        waits = waiting(expected_usec=SECOND, deadline_usec=deadline, promised_usec=NOW + promise * MINUTE)
        held = state(full(), waits)
        cycle = begun(held)
        follow(cycle, held)
        assert cycle.wake == NOW + wakes * MINUTE


def test_a_clock_that_was_set_back_does_not_put_it_to_sleep() -> None:
    held = state(full(), waiting())
    cycle = begun(held)
    follow(cycle, held)
    seen = cycle.latest
    follow(cycle, held, now=NOW - 24 * 60 * MINUTE)
    assert cycle.latest is not seen


def test_what_waits_when_its_deadline_passes_fails_unless_it_runs_late() -> None:
    late, patient = waiting(version="1", deadline_usec=NOW), waiting(version="2", deadline_usec=NOW, runs_late=True)
    held = state(full(), late, patient)
    (over, *_) = follow(begun(held), held)
    assert isinstance(over, TaskEnded)
    assert over.task.outcome is not None
    assert (over.task.id, over.task.outcome.result, over.task.outcome.no_directory) == (
        late.id,
        Result.DEADLINE,
        True,
    )
    assert list(held.line) == [held.task(patient.id)]


@pytest.mark.parametrize(("late", "ago"), [(0, ""), (90 * SECOND, " 1min 30s ago")], ids=["just now", "a while ago"])
def test_how_long_ago_the_deadline_passed_is_told_when_it_was_a_while(late: int, ago: str) -> None:
    held = state(full(), waiting(deadline_usec=NOW - late))
    (over, *_) = follow(begun(held), held)
    assert isinstance(over, TaskEnded)
    assert over.task.outcome is not None
    assert over.task.outcome.message == f"its deadline passed{ago} while it waited"


def test_drained_nothing_starts_and_deadlines_pass_all_the_same() -> None:
    held = state(waiting(version="1"), waiting(version="2", deadline_usec=NOW + MINUTE))
    held.apply(Drained())
    cycle = begun(held)
    assert follow(cycle, held) == []
    assert cycle.wake == NOW + MINUTE
    assert len(follow(cycle, held, now=NOW + MINUTE)) == 1
    (started,) = follow(cycle, held, Resumed(), now=NOW + MINUTE)
    assert isinstance(started, TaskStarted)


def test_before_it_begins_nothing_starts() -> None:
    held = state(waiting())
    cycle = Cycle(held, BOOT, at_once)
    assert (follow(cycle, held, TaskQueued(waiting())), cycle.wake) == ([], None)
    cycle.begin()
    assert len(follow(cycle, held)) == 1


def test_what_could_not_be_remembered_is_tried_again_soon() -> None:
    held = state(waiting())
    cycle = begun(held)
    (event,) = follow(cycle, held)
    assert isinstance(event, TaskStarted)
    held.apply(TaskQueued(waiting()))
    cycle.put_off(NOW)
    assert follow(cycle, held, now=NOW + SECOND) == []
    assert len(follow(cycle, held, now=NOW + STORE_RETRY_USEC)) == 1


def test_no_more_of_a_unit_run_at_once_than_it_allows() -> None:
    held = state(*(waiting(version=str(n), chunks=1, max_running=2) for n in range(5)))
    cycle = begun(held)
    started = [event for event in follow(cycle, held) if isinstance(event, TaskStarted)]
    assert len(started) == 2
    after = follow(cycle, held, TaskEnded(ended(started[0].task)))
    assert [type(event) for event in after] == [TaskStarted]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5), st.integers(1, 100)), max_size=12),
    st.lists(st.integers(0, 11), max_size=12),
)
@settings(deadline=None)
def test_whatever_waits_and_ends_the_budget_is_kept_and_nothing_is_forgotten(
    jobs: list[tuple[int, int, int]], ends: list[int]
) -> None:
    held = state(chunks=32, cpus=4)
    cycle = begun(held)
    queued = [
        waiting(version=str(n), chunks=chunks, cpus=cpus, expected_usec=seconds * SECOND)
        for n, (chunks, cpus, seconds) in enumerate(jobs)
    ]
    follow(cycle, held, *map(TaskQueued, queued))
    for turn, number in enumerate(ends):
        running = list(held.running())
        assert sum(one.chunks for one in running) <= 32
        assert sum(one.cpus for one in running) <= 4
        if running:
            now = NOW + (turn + 1) * SECOND
            follow(cycle, held, TaskEnded(ended(running[number % len(running)], at=now)), now=now)
    over = [one for one in held.open_tasks() if one.outcome is not None]
    assert len(over) + len(list(held.running())) + len(held.line) == len(queued)
    fits = [one for one in held.line if one.chunks <= 32 and one.cpus <= 4]
    assert list(held.running()) or not fits
