# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.bench.replay import PolicyError, State
from tests.bench.stream import Stream
from tests.bench.workload import Workload


class Script:
    """A policy that is one function, and notes what it was asked."""

    name = "script"

    def __init__(self, choose: Callable[[State], Sequence[int]], wake: float | None = None) -> None:
        self.planned: Mapping[int, float] = {}
        self.wake = wake
        self.asked: list[tuple[float, list[int], list[int], bool]] = []
        self.seen: list[Workload] = []
        self._choose = choose

    def begin(self, workload: Workload) -> None:
        self.seen.append(workload)

    def choose(self, state: State) -> Sequence[int]:
        self.asked.append((state.now, list(state.arrived), list(state.ended), state.ended_early))
        return self._choose(state)


def everything(state: State) -> Sequence[int]:
    return list(state.queue)


def one_at_a_time(state: State) -> Sequence[int]:
    return [] if state.running else state.queue[:1]


def test_a_policy_is_asked_once_when_jobs_end_and_arrive_together() -> None:
    policy = Script(one_at_a_time)
    s = Stream().job(at=0, est=10).job(at=10, est=9, run=5).job(at=10, est=10).job(at=12)
    assert s.starts(policy) == [0, 10, 15, 25]
    assert policy.asked == [
        (0, [0], [], False),
        (10, [1, 2], [0], False),
        (12, [3], [], False),
        (15, [], [1], True),
        (25, [], [2], False),
    ]


def test_a_policy_never_sees_how_long_a_job_truly_runs() -> None:
    seen: list[float] = []

    def spy(state: State) -> Sequence[int]:
        seen.extend(state.jobs[index].run for index in state.queue)
        return everything(state)

    policy = Script(spy)
    Stream().job(est=10, run=3).replay(policy)
    assert all(map(math.isnan, [*seen, *(job.run for job in policy.seen[0].jobs)]))


def test_a_policy_is_asked_when_it_wants_to_be() -> None:
    policy = Script(lambda state: everything(state) if state.now >= 7 else [], wake=7)
    assert Stream().job(at=1).starts(policy) == [7]


def test_what_was_planned_for_a_newcomer_is_kept_as_its_promise() -> None:
    policy = Script(one_at_a_time)
    policy.planned = {0: 0.0, 1: 12.0}
    assert Stream().job().job(at=1).job(at=2).replay(policy).promised == {0: 0, 1: 12}


def test_memory_without_a_limit_does_not_count() -> None:
    assert Stream(mem=0).job(mem=1000).starts(Script(everything)) == [0]


@pytest.mark.parametrize(
    ("stream", "choose", "complaint"),
    [
        (Stream(cpus=1).job().job(), everything, "job 1, for which there is no room, at 0"),
        (Stream(mem=1).job(mem=1).job(mem=1), everything, "job 1, for which there is no room, at 0"),
        (Stream().job().job(at=5), lambda state: [0], "job 0, which does not wait, at 5"),
        (Stream().job(), lambda state: [], "1 jobs wait for ever"),
    ],
)
def test_what_cannot_be_is_refused(stream: Stream, choose: Callable[[State], Sequence[int]], complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        stream.replay(Script(choose))
