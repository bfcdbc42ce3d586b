# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from tests.bench.orders import FIXED, MOVING
from tests.bench.stream import Stream
from tests.bench.workload import Job


@pytest.mark.parametrize(
    ("order", "jobs"),
    [
        ("fcfs", "bac"),
        ("sjf", "cab"),
        ("saf", "acb"),
        ("edf", "abc"),
        ("wfp3", "bac"),
        ("unicep", "acb"),
        ("expf", "abc"),
    ],
)
def test_who_goes_first(order: str, jobs: str) -> None:
    """At 100, when they have waited for 40, 80 and 20 seconds."""
    machine = Stream(cpus=4).workload()
    waiting = {
        "a": Job(number=2, submit=60, cpus=1, est=20, run=1, deadline=300),
        "b": Job(number=1, submit=20, cpus=4, est=60, run=1, deadline=400),
        "c": Job(number=3, submit=80, cpus=2, est=16, run=1),
    }

    def score(name: str) -> float:
        job = waiting[name]
        return MOVING[order](job, 100) if order in MOVING else FIXED[order](job, machine)

    assert "".join(sorted(waiting, key=score)) == jobs


def test_the_score_of_f1_weighs_size_against_submission() -> None:
    job = Job(number=1, submit=9, cpus=2, est=10, run=1)
    assert FIXED["f1"](job, Stream().workload()) == 2 + 870


def test_the_area_is_that_of_the_larger_share() -> None:
    job = Job(number=1, submit=0, cpus=1, mem=6, est=10, run=1)
    assert FIXED["saf"](job, Stream(cpus=4, mem=8).workload()) == 7.5


def test_among_equals_the_first_that_came_goes_first() -> None:
    s = Stream(cpus=1).job(est=9).job(at=1, est=5).job(at=2, est=4).job(at=3, est=5).job(at=4, est=4)
    assert s.starts("sjf") == [0, 17, 9, 22, 13]


def test_an_order_that_moves_with_time_is_made_anew() -> None:
    """At 10 the long one has the smaller expansion factor (12/5 against 20/10.5), at 15 it has the larger one."""
    s = Stream(cpus=1).job(est=10).job(at=0.5, est=10.5).job(at=3, est=5).job(at=12, est=5)
    assert s.starts("expf") == [0, 15, 10, 25.5]
