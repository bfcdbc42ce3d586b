# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import math

import pytest

from tests.bench.replay import Outcome
from tests.bench.score import ScheduleError, Score, check, mean_of, score
from tests.bench.stream import Stream


def scored(stream: Stream, *starts: float, **promised: float) -> Score:
    promises = {int(key[1:]): start for key, start in promised.items()}
    return score(Outcome(workload=stream.workload(), starts=list(starts), promised=promises))


def test_waits_and_slowdowns() -> None:
    """Waits 0, 15 and 45 s; slowdowns 1, 20/10 (bounded: it runs for 5 s) and 65/20."""
    figures = scored(Stream().job(est=20).job(at=5, est=5).job(at=15, est=20), 0, 20, 60)
    assert figures["wait"] == 20
    assert figures["wait_max"] == 45
    assert figures["bsld"] == pytest.approx((1 + 2 + 3.25) / 3)
    assert figures["bsld600"] == 1
    assert figures["makespan"] == 80


def test_a_deadline_is_missed_by_the_true_end() -> None:
    s = Stream().job(est=20, run=10, deadline=10).job(est=10, deadline=9.5).job()
    assert scored(s, 0, 0, 0)["missed_share"] == 0.5


def test_a_promise_is_broken_when_a_job_starts_more_than_a_second_later() -> None:
    s = Stream().job().job().job().job()
    assert scored(s, 5, 6, 7, 0, _0=5, _1=5, _2=5, _3=5)["broken_promises"] == 0.25


def test_what_there_is_none_of_has_no_figure() -> None:
    assert {"missed_share", "broken_promises"}.isdisjoint(scored(Stream().job(), 0))


def test_of_several_schedules_the_mean_counts_and_the_longest_wait() -> None:
    s = Stream().job()
    figures = mean_of([scored(s, 2), scored(s, 4, _0=4)])
    assert (figures["wait"], figures["wait_max"]) == (3, 4)
    assert "broken_promises" not in figures


def test_what_ends_makes_room_for_what_starts_then() -> None:
    check(Stream(cpus=1).job(est=10).job(est=10).workload(), [10, 0])


@pytest.mark.parametrize(
    ("stream", "starts", "complaint"),
    [
        (Stream(cpus=1).job(est=10).job(), [0, 9], "1 CPUs"),
        (Stream(mem=3).job(mem=2).job(mem=2), [0, 0], "1 chunks"),
        (Stream().job(at=0).job(at=5), [0, 4], "job 1 starts at 4, before 5"),
        (Stream().job(), [math.nan], "job 0 starts at nan"),
    ],
)
def test_what_is_no_schedule_has_no_score(stream: Stream, starts: list[float], complaint: str) -> None:
    with pytest.raises(ScheduleError, match=complaint):
        scored(stream, *starts)
