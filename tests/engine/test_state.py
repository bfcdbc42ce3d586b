# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.engine.events import (
    Drained,
    Event,
    Resumed,
    RootDecommissioned,
    RootRecommissioned,
    TaskAltered,
    TaskClosed,
    TaskEnded,
    TaskPromised,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.state import FEW, State
from sd_taskpacker.model.task import Result
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.accuracy import ENOUGH, UNKNOWN, Accuracy
from sd_taskpacker.plan.planner import plan, starts
from tests.engine.builders import NOW, SECOND, TODAY, ended, state, task, waiting


def _seen(held: State) -> object:
    names = ("job", "other")
    return (
        sorted(held.open_tasks(), key=lambda one: one.id),
        [held.serial(name) for name in names],
        [held.is_decommissioned(name) for name in names],
        held.figures(()),
        held.expected("job"),
        held.accuracy,
        {candidate.key: candidate for candidate in held.line.candidates()},
    )


def test_an_ended_task_holds_nothing_and_stays_open_until_it_is_closed() -> None:
    held = state(running := task(chunks=32), chunks=32, cpus=4)
    assert held.slots() == (0, 0, 0, 0)
    held.apply(TaskEnded(ended(running)))
    assert held.slots() == (4, 4, 4, 1)
    assert held.task(running.id) is not None
    held.apply(TaskClosed(running.id))
    assert held.task(running.id) is None


def test_figures_show_what_is_used_and_never_less_than_nothing() -> None:
    figures = state(task("a", chunks=30, cpus=1), task("b/c", chunks=30, cpus=9), chunks=32, cpus=4).figures(["r"])
    assert (figures.chunks_total, figures.chunks_free, figures.cpus_total, figures.cpus_free) == (32, 0, 4, 0)
    assert (figures.running, figures.queued, figures.roots) == (2, 0, ("a", "b", "r"))


events = st.lists(
    st.sampled_from(
        [
            TaskStarted(task("job", f"{TODAY}.0")),
            TaskStarted(task("job", f"{TODAY}.5")),
            TaskStarted(task("other", "v1")),
            TaskEnded(ended(task("job", f"{TODAY}.0"))),
            TaskClosed(task("job", f"{TODAY}.0").id),
            TaskQueued(waiting("job", f"{TODAY}.1")),
            TaskQueued(waiting("job", f"{TODAY}.2")),
            TaskAltered(waiting("job", f"{TODAY}.1", priority=7)),
            TaskPromised(waiting("job", f"{TODAY}.1").id, NOW + SECOND),
            TaskStarted(task("job", f"{TODAY}.1")),
            TaskEnded(ended(task("job", f"{TODAY}.1"), at=NOW + 5 * SECOND)),
            Drained(),
            Resumed(),
            RootDecommissioned("job"),
            RootDecommissioned("other"),
            RootRecommissioned("job"),
        ]
    ),
    max_size=10,
)


@given(events, events)
def test_every_change_can_be_taken_back(kept: list[Event], lost: list[Event]) -> None:
    held = state()
    for event in kept:
        held.apply(event)
    before = _seen(held)
    undos = [held.apply(event) for event in lost]
    for undo in reversed(undos):
        undo()
    assert _seen(held) == before


def test_what_waits_holds_nothing_and_runs_once_it_is_started() -> None:
    held = state(one := waiting(chunks=32), chunks=32, cpus=4)
    assert (held.figures(()).queued, held.figures(()).running, held.slots()) == (1, 0, (4, 4, 4, 1))
    held.apply(TaskStarted(task(chunks=32)))
    assert (held.figures(()).queued, held.figures(()).running, held.slots()) == (0, 1, (0, 0, 0, 0))
    assert held.line.find(str(one.id)) is None


def test_a_task_is_expected_to_take_as_long_as_the_longest_of_the_last_runs() -> None:
    held = state(waiting(version="w"), serials={})
    (before,) = held.line.candidates()
    for number, seconds in enumerate((5, 3, 4)):
        one = task(version=str(number))
        held.apply(TaskStarted(one))
        held.apply(TaskEnded(ended(one, at=NOW + seconds * SECOND)))
    (after,) = held.line.candidates()
    assert (before.duration, after.duration) == (600 * SECOND, 5 * SECOND)
    assert held.expected("other") == 600 * SECOND


def test_a_failure_teaches_nothing_about_the_time_a_run_takes() -> None:
    held = state(one := task())
    held.apply(TaskEnded(ended(one, Result.EXIT_CODE, at=NOW + SECOND)))
    assert held.expected("job") == 600 * SECOND


def _runs(held: State, number: int, result: Result = Result.SUCCESS, **changes: Any) -> None:
    """Each was expected to take 10 s and took 2."""
    for version in map(str, range(number)):
        one = task(version=version, expected_usec=10 * SECOND, **changes)
        held.apply(TaskStarted(one))
        held.apply(TaskEnded(ended(one, result, at=NOW + 2 * SECOND)))


@pytest.mark.parametrize("result", [Result.SUCCESS, Result.EXIT_CODE, Result.OOM_KILL, Result.TIMEOUT])
def test_how_well_expected_times_are_kept_is_what_the_planner_is_told(result: Result) -> None:
    held = state()
    _runs(held, ENOUGH - 1, result)
    assert held.snapshot(NOW).accuracy == UNKNOWN
    _runs(held, 1, result)
    assert held.snapshot(NOW).accuracy == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("result", "changes"),
    [
        (Result.LOST, {}),
        (Result.COULD_NOT_START, {}),
        (Result.SUCCESS, {"kind": Kind.WORKORDER}),
    ],
    ids=["lost", "could not start", "workorder"],
)
def test_an_end_that_tells_nothing_of_the_time_is_not_counted(result: Result, changes: dict[str, Any]) -> None:
    held = state()
    _runs(held, 1, result, **changes)
    assert held.accuracy == Accuracy()


def test_what_never_ran_is_not_counted() -> None:
    held = state(one := waiting())
    held.apply(TaskEnded(ended(one, Result.CANCELLED, at=NOW + SECOND)))
    assert held.accuracy == Accuracy()


def test_where_nobody_said_so_a_run_is_compared_with_what_was_expected_when_it_started() -> None:
    held = state(learnt={"job": (8 * SECOND,)})
    held.apply(TaskStarted(one := task()))
    held.apply(TaskEnded(ended(one, at=NOW + 4 * SECOND)))
    assert held.accuracy == Accuracy(0.5, 1)


def test_runs_before_a_restart_count_as_those_after_it() -> None:
    held = state(runs=((2 * SECOND, 10 * SECOND),) * ENOUGH)
    assert held.snapshot(NOW).accuracy == pytest.approx(0.2)


def test_what_was_learnt_before_a_restart_counts() -> None:
    held = state(task(), learnt={"job": (7 * SECOND, 2 * SECOND)})
    assert plan(held.snapshot(NOW)).held[0].end == NOW + 7 * SECOND


def test_a_units_limit_is_what_its_newest_task_says() -> None:
    held = state(task(version="1", max_running=1), waiting(version="2", max_running=3))
    assert held.capacity()["unit:job"] == 3
    assert held.free(held.capacity())["unit:job"] == 2


def test_slots_do_not_speak_of_draining() -> None:
    held = state(chunks=32, cpus=4)
    held.apply(Drained())
    assert held.figures(()).draining
    assert held.slots() == (4, 4, 4, 1)


def test_decommissioned_roots_are_a_figure() -> None:
    assert state(decommissioned=frozenset({"test", "build"})).figures(()).decommissioned == ("build", "test")


def test_of_many_who_wait_those_start_who_start_in_a_plan_from_scratch() -> None:
    some = [
        waiting(version=f"{TODAY}.{number}", chunks=1 + number % 3, promised_usec=NOW + (50 + number) * SECOND)
        for number in range(FEW + 10)
    ]
    held = state(task("held", chunks=29), *some)
    assert held.is_steady
    now = held.starts(NOW + SECOND)
    assert now.placed
    assert now.placed == starts(held.snapshot(NOW + SECOND)).placed


def test_whoever_is_new_is_looked_at_with_all_the_others() -> None:
    some = [waiting(version=f"{TODAY}.{number}", promised_usec=NOW + SECOND) for number in range(FEW + 1)]
    held = state(*some)
    held.apply(TaskQueued(waiting("late")))
    assert not held.is_steady
    assert "late@" + f"{TODAY}.0" in held.starts(NOW).promised
