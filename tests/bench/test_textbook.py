# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.score import check
from tests.bench.stream import Stream
from tests.bench.textbook import DEFAULT, make


def hole() -> Stream:
    """One of four CPUs is free until 10, when the second job, which wants all four, may start."""
    return Stream(cpus=4).job(cpus=3, est=10).job(at=1, cpus=4, est=10)


def test_without_backfilling_the_first_that_waits_blocks_all_others() -> None:
    assert hole().job(at=2, cpus=1, est=5).starts("fcfs") == [0, 10, 20]


def test_easy_lets_a_short_one_pass() -> None:
    assert hole().job(at=2, cpus=1, est=8).starts("fcfs+easy") == [0, 10, 2]


def test_easy_lets_none_pass_that_would_delay_the_first() -> None:
    assert hole().job(at=2, cpus=1, est=9).starts("fcfs+easy") == [0, 10, 20]


def test_easy_lets_a_long_one_run_beside_the_first_while_there_is_room_for_both() -> None:
    s = Stream(cpus=4).job(cpus=2, est=10).job(at=1, cpus=3, est=10)
    assert s.job(at=2, cpus=1, est=50).job(at=2, cpus=1, est=50).starts("fcfs+easy") == [0, 10, 2, 20]


def test_easy_counts_all_that_end_at_the_time_when_the_first_fits() -> None:
    s = Stream(cpus=4).job(cpus=1, est=10).job(cpus=2, est=10).job(at=1, cpus=2, est=10)
    assert s.job(at=2, cpus=1, est=50).starts("fcfs+easy") == [0, 0, 10, 2]


def test_memory_holds_back_as_cpus_do() -> None:
    s = Stream(cpus=4, mem=8).job(mem=6, est=10).job(at=1, mem=4, est=10)
    assert s.job(at=2, mem=2, est=8).job(at=2, mem=2, est=9).starts("fcfs+easy") == [0, 10, 2, 10]


def test_memory_beside_the_first_is_given_away_once() -> None:
    s = Stream(cpus=8, mem=4).job(mem=2, est=10).job(at=1, mem=3, est=10)
    assert s.job(at=2, mem=1, est=50).job(at=2, mem=1, est=50).starts("fcfs+easy") == [0, 10, 2, 20]


def test_easy_reserves_behind_what_it_has_just_started() -> None:
    assert Stream(cpus=4).job(cpus=3, est=10).job(cpus=4, est=10).job(est=10).starts("fcfs+easy") == [0, 10, 0]


def test_easy_may_delay_the_second_that_waits_and_conservative_does_not() -> None:
    s = Stream(cpus=4).job(cpus=3, est=10).job(at=1, cpus=3, est=10).job(at=2, cpus=4, est=10)
    s.job(at=3, cpus=1, est=30)
    assert s.starts("fcfs+easy") == [0, 10, 33, 3]
    assert s.starts("cons") == [0, 10, 20, 30]


def test_conservative_fills_a_hole_that_delays_nobody() -> None:
    s = hole().job(at=2, cpus=1, est=8).job(at=3, cpus=4, est=1)
    assert s.starts("cons") == [0, 10, 2, 20]


def test_conservative_keeps_its_promises_when_jobs_end_early() -> None:
    s = Stream(cpus=4).job(cpus=3, est=100, run=20).job(at=1, cpus=4, est=10).job(at=2, cpus=2, est=10)
    outcome = s.replay("cons")
    assert outcome.promised == {0: 0, 1: 100, 2: 110}
    assert outcome.starts == [0, 20, 30]


def test_conservative_plans_anew_when_a_job_outlives_what_it_declared() -> None:
    s = Stream(cpus=2).job(cpus=2, est=10, run=15).job(at=1, cpus=1, est=10).job(at=12, cpus=1, est=10)
    assert s.starts("cons") == [0, 15, 15]


def test_conservative_starts_at_the_planned_time_though_nothing_happens_then() -> None:
    """From 12 on the first job is expected to end a second later, and the second one's place is moved to 15 at 14."""
    s = Stream(cpus=1).job(est=10, run=14.5).job(at=1, est=10).job(at=12, est=10)
    assert s.starts("cons") == [0, 15, 25]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    s = Stream(cpus=4, mem=8)
    at = 0
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.integers(0, 9))
        est = draw(st.integers(1, 20))
        s.job(
            at=at,
            cpus=draw(st.integers(1, 4)),
            mem=draw(st.integers(0, 8)),
            est=est,
            run=draw(st.integers(1, est)),
        )
    return s


@pytest.mark.parametrize("policy", DEFAULT)
@given(s=streams())
def test_every_job_runs_once_and_fits(policy: str, s: Stream) -> None:
    outcome = s.replay(policy)
    check(outcome.workload, outcome.starts)


@given(s=streams())
def test_conservative_breaks_no_promise(s: Stream) -> None:
    outcome = s.replay("cons")
    assert all(outcome.starts[index] <= planned for index, planned in outcome.promised.items())
    assert len(outcome.promised) == len(outcome.starts)


def test_an_unknown_policy_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no policy 'sfj\+easy'.*fcfs sjf"):
        make("sfj+easy")
