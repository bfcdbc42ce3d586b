# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine.clockset import Clocks, follow_clock, slept, was_set_by
from sd_taskpacker.engine.events import TaskEnded
from sd_taskpacker.engine.ports import Remembered
from sd_taskpacker.engine.state import State
from sd_taskpacker.errors import LimitExceeded
from sd_taskpacker.plan.planner import starts
from tests.engine.builders import NOW, SECOND, ended, state, task, waiting
from tests.engine.daemon import Daemon, running

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
BACK_AND_FORTH = pytest.mark.parametrize("by", [-HOUR, HOUR], ids=["back", "forward"])


def looks(*, set_by: int = 0, asleep: int = 0) -> tuple[Clocks, Clocks]:
    """Ten seconds apart, by a clock that counts while awake."""
    before = Clocks(real=NOW, boot=500 * SECOND, awake=400 * SECOND)
    past = 10 * SECOND
    after = Clocks(
        real=before.real + past + asleep + set_by, boot=before.boot + past + asleep, awake=before.awake + past
    )
    return before, after


def moved(held: State, by: int) -> State:
    """Ten seconds after the last look, somebody having set the clock in between."""
    now = NOW + by + 10 * SECOND
    for event in list(follow_clock(held, by, since=now - 10 * SECOND, now=now)):
        held.apply(event)
    return held


@BACK_AND_FORTH
def test_a_clock_that_was_set_is_noticed(by: int) -> None:
    assert was_set_by(*looks(set_by=by)) == by
    assert not slept(*looks(set_by=by))


def test_sleep_is_no_setting_of_the_clock_and_slewing_is_neither() -> None:
    assert was_set_by(*looks(asleep=HOUR)) == 0
    assert slept(*looks(asleep=HOUR))
    assert was_set_by(*looks(set_by=5_000)) == 0
    assert not slept(*looks())


@BACK_AND_FORTH
def test_what_runs_has_run_as_long_as_before_and_is_expected_to_end_as_soon(by: int) -> None:
    job = task(started_usec=NOW - 2 * MINUTE, expected_usec=10 * MINUTE)
    (lease,) = starts(moved(state(job), by).snapshot(NOW + by)).held
    assert (lease.start, lease.end) == (NOW + by - 2 * MINUTE, NOW + by + 8 * MINUTE)


@BACK_AND_FORTH
def test_what_was_learnt_of_a_run_is_how_long_it_took(by: int) -> None:
    held = moved(state(task(started_usec=NOW - 2 * MINUTE)), by)
    (job,) = held.running()
    held.apply(TaskEnded(ended(job, at=NOW + by + MINUTE)))
    assert held.expected(job.id.name) == 3 * MINUTE


@BACK_AND_FORTH
def test_a_promise_stays_as_far_off_and_a_deadline_where_it_is(by: int) -> None:
    job = waiting(promised_usec=NOW + 20 * MINUTE, deadline_usec=NOW + 40 * MINUTE, submitted_usec=NOW - MINUTE)
    (held,) = moved(state(job), by).line
    assert (held.promised_usec, held.deadline_usec) == (NOW + 20 * MINUTE + by, NOW + 40 * MINUTE)


@BACK_AND_FORTH
def test_what_began_after_the_clock_was_set_has_the_new_time_already(by: int) -> None:
    now = NOW + by + 10 * SECOND
    fresh = task(started_usec=now - SECOND)
    assert list(follow_clock(state(fresh), by, since=now - 10 * SECOND, now=now)) == []


def test_a_move_that_could_not_be_remembered_is_taken_back() -> None:
    held = state(task(started_usec=NOW - 2 * MINUTE, expected_usec=10 * MINUTE))
    (event,) = follow_clock(held, HOUR, since=NOW + HOUR - SECOND, now=NOW + HOUR)
    before = held.snapshot(NOW)
    held.apply(event)()
    assert held.snapshot(NOW) == before


async def test_a_deadline_that_the_clock_has_jumped_over_is_noticed_though_no_timer_has_ended() -> None:
    full = task("full", chunks=32, expected_usec=10 * MINUTE)
    late = waiting("late", deadline_usec=NOW + 30 * MINUTE)
    async with running(Daemon(remembered=Remembered(open=(full, late)))) as daemon:
        before, after = looks(set_by=HOUR)
        daemon.now = after.real
        await daemon.loop.follow_clock(before, after)
        await daemon.sees(lambda: not daemon.loop.state.line)
        (still,) = daemon.loop.state.running()
        assert still.started_usec == NOW + HOUR


async def test_after_sleep_what_is_due_is_looked_at_at_once() -> None:
    full = task("full", chunks=32, expected_usec=10 * MINUTE)
    late = waiting("late", deadline_usec=NOW + 30 * MINUTE)
    async with running(Daemon(remembered=Remembered(open=(full, late)))) as daemon:
        before, after = looks(asleep=HOUR)
        daemon.now = after.real
        await daemon.loop.follow_clock(before, after)
        await daemon.sees(lambda: not daemon.loop.state.line)


async def test_a_setting_that_cannot_be_remembered_changes_nothing_and_can_be_tried_again() -> None:
    full = task("full", chunks=32, expected_usec=10 * MINUTE)
    async with running(Daemon(remembered=Remembered(open=(full,)))) as daemon:
        before, after = looks(set_by=HOUR)
        daemon.now = after.real
        daemon.store.fails = 1
        with pytest.raises(LimitExceeded):
            await daemon.loop.follow_clock(before, after)
        assert [each.started_usec for each in daemon.loop.state.running()] == [NOW]
        await daemon.loop.follow_clock(before, after)
        assert [each.started_usec for each in daemon.loop.state.running()] == [NOW + HOUR]
