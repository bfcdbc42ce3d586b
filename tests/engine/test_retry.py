# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from typing import Any

import pytest

from sd_taskpacker.engine.retry import next_try
from sd_taskpacker.model.task import Result, Task, TaskState
from tests.engine.builders import NOW, SECOND, TODAY, ended, state, task

LATER = NOW + SECOND


def _next(over: Task, **remembered: Any) -> Task | None:
    return next_try(state(serials={"job": (TODAY, 3)}, chunks=32, **remembered), over, LATER)


def test_a_failed_run_is_tried_again_as_a_task_of_its_own() -> None:
    first = task("job", f"{TODAY}.2", retries=2, promised_usec=NOW, deadline_usec=LATER + SECOND)
    second = _next(ended(first, Result.EXIT_CODE))
    assert second is not None
    assert str(second.id) == f"job@{TODAY}.3"
    assert second.directory == f"/state/job/@{TODAY}.3"
    assert (second.state, second.outcome, second.started_usec) == (TaskState.WAITING, None, 0)
    assert (second.retries, second.retry_of, second.promised_usec) == (1, str(first.id), None)
    assert (second.submitted_usec, second.deadline_usec) == (LATER, first.deadline_usec)


@pytest.mark.parametrize(
    "result", [Result.SUCCESS, Result.STOPPED, Result.CANCELLED, Result.DEADLINE, Result.DECOMMISSIONED]
)
def test_what_is_done_or_was_ended_on_purpose_is_not_tried_again(result: Result) -> None:
    assert _next(ended(task(retries=2, grows=True), result)) is None


@pytest.mark.parametrize("result", [Result.LOST, Result.COULD_NOT_START, Result.TIMEOUT, Result.OOM_KILL])
def test_any_other_failure_is_tried_again_as_often_as_the_unit_says(result: Result) -> None:
    assert _next(ended(task(retries=1), result)) is not None
    assert _next(ended(task(retries=0), result)) is None


@pytest.mark.parametrize(("chunks", "larger"), [(1, 4), (4, 8), (5, 8), (8, 32), (12, 32)])
def test_after_an_oom_kill_it_grows_once_to_the_next_size_and_that_is_not_a_retry(chunks: int, larger: int) -> None:
    second = _next(ended(task(chunks=chunks, grows=True, retries=1), Result.OOM_KILL))
    assert second is not None
    assert (second.chunks, second.grows, second.retries) == (larger, False, 1)


def test_what_cannot_grow_is_retried_as_it_is_while_it_has_retries() -> None:
    largest = task(chunks=32, grows=True)
    assert _next(ended(largest, Result.OOM_KILL)) is None
    tried = _next(ended(task(chunks=32, grows=True, retries=1), Result.OOM_KILL))
    assert tried is not None
    assert tried.chunks == 32


def test_it_does_not_grow_beyond_the_budget() -> None:
    assert next_try(state(chunks=20), ended(task(chunks=8, grows=True), Result.OOM_KILL), NOW) is None


def test_what_a_smaller_budget_can_never_hold_is_not_tried_again() -> None:
    over = ended(task(chunks=9, retries=1), Result.EXIT_CODE)
    assert next_try(state(chunks=9), over, NOW) is not None
    assert next_try(state(chunks=8), over, NOW) is None


def test_only_an_oom_kill_makes_it_grow() -> None:
    assert _next(ended(task(grows=True), Result.EXIT_CODE)) is None


def test_nothing_of_a_decommissioned_root_is_tried_again() -> None:
    over = ended(task(retries=1), Result.EXIT_CODE)
    assert _next(over, decommissioned=frozenset({"job"})) is None


def test_after_its_deadline_it_is_tried_again_only_where_it_may_run_late() -> None:
    assert _next(ended(task(retries=1, deadline_usec=NOW), Result.EXIT_CODE)) is None
    assert _next(ended(task(retries=1, deadline_usec=NOW, runs_late=True), Result.EXIT_CODE)) is not None
