# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.engine.events import Drained
from sd_taskpacker.engine.explain import explain
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.task import Outcome, Result, Task
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.snapshot import Verdict
from tests.engine.builders import NOW, SECOND, ended, state, task, waiting


def _told(held: State, one: Task, *, planned: bool = True) -> list[tuple[str, str, str]]:
    whole = plan(held.snapshot(NOW)) if planned else None
    return [(reason.resource, str(reason.verdict), reason.text) for reason in explain(held, one, whole, NOW)]


def test_what_is_short_now_and_when_it_will_not_be() -> None:
    one = waiting(chunks=32, cpus=3, promised_usec=NOW + 90 * SECOND)
    held = state(task("full", chunks=24, cpus=2, expected_usec=60 * SECOND), one, chunks=32, cpus=4)
    assert _told(held, one) == [
        ("memory", "not-now", "wants 1G, 256M is free"),
        ("cpu", "not-now", "wants 3 CPUs, 2 CPUs are free"),
        ("start", "not-now", "expected to start in 1min, at the latest in 1min 30s"),
    ]


def test_far_off_it_is_told_to_the_minute_and_a_promise_that_was_broken_with_its_age() -> None:
    full = task("full", chunks=32, expected_usec=2 * 3600 * SECOND + 1)
    far = waiting(promised_usec=NOW + 100 * 3600 * SECOND)
    assert _told(state(full, far), far)[-1][2] == "expected to start in 2h 1min, at the latest in 4d 4h"
    near = waiting(promised_usec=NOW + 60 * SECOND)
    assert _told(state(full, near), near)[-1][2] == "expected to start in 1min, at the latest in 1min"
    late = waiting(promised_usec=NOW - 61 * SECOND)
    assert _told(state(full, late), late)[-1][2] == "expected to start in 2h 1min, promised 1min 1s ago"


def test_what_has_just_come_is_told_what_it_will_be_promised() -> None:
    held = state(task("full", chunks=32, expected_usec=60 * SECOND), one := waiting())
    assert "expected to start in 1min, at the latest in " in _told(held, one)[-1][2]


def test_what_fits_now_and_would_delay_another_is_told_so() -> None:
    one = waiting(chunks=8)
    (memory, *_) = _told(state(one, waiting("other", "1", chunks=32)), one, planned=False)
    assert memory == ("memory", "not-now", "is promised to a task that waits and would be delayed")


def test_drained_is_the_first_reason() -> None:
    held = state(one := waiting())
    held.apply(Drained())
    assert _told(held, one)[0][0] == "drained"


def test_what_the_budget_can_no_longer_hold_is_told_so() -> None:
    held = state(one := waiting(chunks=33), chunks=32)
    assert _told(held, one) == [("memory", str(Verdict.NEVER), "wants 1056M, there is 1G")]


def test_a_promise_of_a_larger_budget_is_not_told_again() -> None:
    one = waiting(chunks=33, promised_usec=NOW + 60 * SECOND)
    held = state(task("full", chunks=32), one, chunks=32)
    assert _told(held, one) == [("memory", str(Verdict.NEVER), "wants 1056M, there is 1G")]


def test_a_deadline_that_the_plan_misses_is_a_reason() -> None:
    one = waiting(deadline_usec=NOW + SECOND)
    held = state(task("full", chunks=32), one)
    assert _told(held, one)[0][:2] == ("deadline", "deadline")


def test_what_runs_or_has_ended_is_one_line() -> None:
    one = task(started_usec=NOW - 5 * SECOND)
    assert _told(state(one), one) == [("state", "now", "has been running for 5s")]
    over = one.ended(Outcome(result=Result.COULD_NOT_START, ended_usec=NOW, message="no user 'x'"))
    assert _told(state(over), over) == [("state", "never", "has ended with the result could-not-start: no user 'x'")]
    assert len(_told(state(), ended(task()))) == 1


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6), st.booleans()), min_size=1, max_size=8), st.booleans()
)
def test_it_never_answers_with_nothing(jobs: list[tuple[int, int, bool]], planned: bool) -> None:
    tasks = [
        task(version=str(n), chunks=chunks, cpus=cpus)
        if runs
        else waiting(version=str(n), chunks=chunks, cpus=cpus, max_running=1)
        for n, (chunks, cpus, runs) in enumerate(jobs)
    ]
    held = state(*tasks)
    assert all(_told(held, one, planned=planned) for one in tasks)
