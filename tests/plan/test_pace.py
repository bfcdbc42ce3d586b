# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.plan.pace import (
    AGE_LIMIT,
    AGE_LIMIT_OF_BACKLOG,
    DEADLINE_PATIENCE,
    FADING,
    MEMORY,
    PATIENCE,
    RUNS,
    SLACK,
    SLACK_OF_PACE,
    Pace,
    times,
)

SECOND = 1_000_000


def _came(*seconds: int) -> Pace:
    pace = Pace()
    for each in seconds:
        pace = pace.joined(each * SECOND)
    return pace


def test_nothing_is_known_before_anything_came() -> None:
    assert Pace().value(1.0, 0) == 0


def test_a_typical_run_is_one_that_occupies_the_machine() -> None:
    """A hundred short ones beside a long one say little: most of the time it is the long one that runs."""
    assert _came(100).value(1.0, 0) == pytest.approx(RUNS * 100)
    assert _came(*[1] * 20, 1000).value(1.0, 0) > RUNS * 900


def test_times_that_are_declared_too_long_count_for_what_they_are_worth() -> None:
    assert _came(100).value(0.2, 0) == pytest.approx(RUNS * 20)


def test_what_came_long_ago_is_forgotten() -> None:
    assert _came(10_000, *[10] * 20 * MEMORY).value(1.0, 0) == pytest.approx(RUNS * 10, rel=0.01)


def test_a_large_backlog_is_remembered_and_fades() -> None:
    pace = _came(1).behind(3600, 0)
    assert pace.value(1.0, 0) == 3600
    halfway = round(FADING * 1800 * SECOND)
    assert pace.value(1.0, halfway) == pytest.approx(1800)
    assert pace.behind(10, halfway).value(1.0, halfway) == pytest.approx(1800)
    assert pace.value(1.0, 100 * halfway) == RUNS


def test_a_clock_that_was_set_back_makes_it_no_larger() -> None:
    assert _came(1).behind(3600, 10 * SECOND).value(1.0, 0) == 3600


def test_where_work_is_short_nobody_is_patient_for_days() -> None:
    by = times(60.0, 30.0, 1.0)
    assert by.patience == by.deadline_patience == by.indignation == 60
    assert by.slack == SLACK_OF_PACE * 60


def test_where_it_is_long_people_are_asked_for_days_and_no_more() -> None:
    by = times(1e9, 100.0, 1.0)
    assert (by.patience, by.deadline_patience, by.slack) == (PATIENCE, DEADLINE_PATIENCE, SLACK)
    assert by.age_limit == AGE_LIMIT + AGE_LIMIT_OF_BACKLOG * 100


def test_a_backlog_longer_than_that_is_waited_for_all_the_same() -> None:
    by = times(1e9, 1e9, 0.5)
    assert by.patience > PATIENCE
    assert by.indignation > PATIENCE


def test_without_anything_to_do_nothing_is_divided_by_zero() -> None:
    by = times(0.0, 0.0, 0.5)
    assert min(by.patience, by.deadline_patience, by.indignation) > 0
