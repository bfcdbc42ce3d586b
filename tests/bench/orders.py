# SPDX-License-Identifier: LGPL-2.1-or-later
"""In which order the literature lets jobs go: a score of each, the smallest first, and first come among equals.

FCFS: first come. SJF: shortest. SAF: smallest area, time by share of the machine. WFP3 and UNICEP: Tang et al.,
CLUSTER 2009. EXPF: largest expansion factor. F1: Carastan-Santos and de Camargo, SC'17. EDF: earliest deadline.
The score of WFP3, UNICEP and EXPF moves with time.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.bench.replay import State
from tests.bench.workload import Job, Workload

FixedScore = Callable[[Job, Workload], float]
MovingScore = Callable[[Job, float], float]
"""Of a job and of the time."""


def _area(job: Job, machine: Workload) -> float:
    return job.est * max(job.cpus / machine.cpus, job.mem / machine.chunks)


def _f1(job: Job, machine: Workload) -> float:
    return math.log10(max(job.est, 1e-9)) * job.cpus + 870 * math.log10(job.submit + 1)


def _wfp3(job: Job, now: float) -> float:
    return -(((now - job.submit) / job.est) ** 3) * job.cpus


def _unicep(job: Job, now: float) -> float:
    # The logarithm of one CPU would be zero.
    return -(now - job.submit) / (math.log2(max(job.cpus, 1.0000001)) * job.est)


def _expf(job: Job, now: float) -> float:
    return -(now - job.submit + job.est) / job.est


FIXED: Final[Mapping[str, FixedScore]] = {
    "fcfs": lambda job, machine: job.submit,
    "sjf": lambda job, machine: job.est,
    "saf": _area,
    "f1": _f1,
    "edf": lambda job, machine: math.inf if job.deadline is None else job.deadline,
}
MOVING: Final[Mapping[str, MovingScore]] = {"wfp3": _wfp3, "unicep": _unicep, "expf": _expf}


class FixedOrder:
    """What waits, kept sorted."""

    def __init__(self, score: FixedScore, workload: Workload) -> None:
        self._scores = [score(job, workload) for job in workload.jobs]
        self._sorted: list[int] = []

    def arrive(self, indices: Sequence[int]) -> None:
        for index in indices:
            insort(self._sorted, index, key=self._rank)

    def sort(self, state: State) -> Sequence[int]:
        return self._sorted

    def forget(self, index: int) -> None:
        del self._sorted[bisect_left(self._sorted, self._rank(index), key=self._rank)]

    def _rank(self, index: int) -> tuple[float, int]:
        return self._scores[index], index


class MovingOrder:
    """What waits, sorted whenever it is asked for."""

    def __init__(self, score: MovingScore) -> None:
        self._score = score

    def arrive(self, indices: Sequence[int]) -> None:
        """They are in the state's queue already."""

    def sort(self, state: State) -> Sequence[int]:
        score, jobs, now = self._score, state.jobs, state.now
        return sorted(state.queue, key=lambda index: score(jobs[index], now))

    def forget(self, index: int) -> None:
        """It is gone from the state's queue by itself."""
