# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.model.learning import LAST_RUNS, Runs, expected, lasted, learn, run_time
from sd_taskpacker.model.task import DEFAULT_EXPECTED_USEC, Result, Task
from sd_taskpacker.model.unit import Kind
from tests.engine.builders import NOW, SECOND, ended, task, waiting


def test_the_longest_of_the_last_few_runs_is_expected() -> None:
    known: Runs = ()
    assert expected(known) == DEFAULT_EXPECTED_USEC
    for took in (100, *range(1, LAST_RUNS)):
        known = learn(known, took)
    assert expected(known) == 100
    assert expected(learn(known, 5)) == LAST_RUNS - 1


def test_a_success_tells_how_long_it_took() -> None:
    assert run_time(ended(task(), at=NOW + SECOND)) == SECOND


@pytest.mark.parametrize(
    "one",
    [
        task(),
        waiting(),
        ended(task(), Result.EXIT_CODE, at=NOW + SECOND),
        ended(waiting(), Result.CANCELLED, at=NOW + SECOND),
        ended(task(), at=NOW - SECOND),
    ],
    ids=["it runs", "it waits", "it failed", "it never ran", "the clock went back"],
)
def test_what_teaches_nothing(one: Task) -> None:
    assert run_time(one) is None


@pytest.mark.parametrize("result", [Result.SUCCESS, Result.EXIT_CODE, Result.SIGNAL, Result.STOPPED])
def test_however_a_batch_run_ended_it_lasted_so_long(result: Result) -> None:
    assert lasted(ended(task(), result, at=NOW + SECOND)) == SECOND


@pytest.mark.parametrize(
    "one",
    [
        task(),
        ended(task(), Result.LOST, at=NOW + SECOND),
        ended(task(), Result.COULD_NOT_START, at=NOW + SECOND),
        ended(waiting(), Result.DEADLINE, at=NOW + SECOND),
        ended(task(kind=Kind.WORKORDER), at=NOW + SECOND),
        ended(task(), at=NOW - SECOND),
    ],
    ids=["it runs", "it was lost", "it could not start", "it never ran", "workorder", "the clock went back"],
)
def test_what_is_no_measure_of_expected_times(one: Task) -> None:
    assert lasted(one) is None
