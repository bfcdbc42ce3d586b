# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a schedule is worth, and whether it is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final

from tests.bench.replay import Outcome
from tests.bench.workload import Job, Workload

Score = Mapping[str, float]

WORST: Final = ("wait_max", "worst_ms")
"""Of several schedules the largest counts; of all other figures the mean."""
STARVES: Final = 2.0
"""A policy lets jobs starve whose longest wait is more than this many times that of EASY backfilling."""


class ScheduleError(Exception):
    """Over capacity, or before its time."""


def score(outcome: Outcome) -> Score:
    """bsld: mean bounded slowdown, with a bound of 10 s (bsld600: of 600 s). Waits and the makespan are in seconds.

    missed_share: of the deadlines there are. broken_promises: share of jobs that started more than a second later
    than planned when they came. Either is left out where there are none. policy_s: processor time of the policy in
    all, worst_ms: of its slowest answer. Raises ScheduleError for what is no schedule.
    """
    jobs, starts = outcome.workload.jobs, outcome.starts
    check(outcome.workload, starts)
    waits = [start - job.submit for job, start in zip(jobs, starts, strict=True)]
    figures = {
        "bsld": fmean(map(_slowdown, waits, jobs)),
        "bsld600": fmean(_slowdown(wait, job, 600.0) for wait, job in zip(waits, jobs, strict=True)),
        "wait": fmean(waits),
        "wait_max": max(waits),
        "makespan": makespan(outcome.workload, starts),
        "policy_s": outcome.seconds,
        "worst_ms": outcome.slowest * 1000,
    }
    late = [
        start + job.run - job.deadline for job, start in zip(jobs, starts, strict=True) if job.deadline is not None
    ]
    if late:
        figures["missed_share"] = fmean(by > 1e-9 for by in late)
    if outcome.promised:
        figures["broken_promises"] = fmean(starts[i] - planned > 1 for i, planned in outcome.promised.items())
    return figures


def _slowdown(wait: float, job: Job, bound: float = 10.0) -> float:
    return max(1.0, (wait + job.run) / max(job.run, bound))


def makespan(workload: Workload, starts: Sequence[float]) -> float:
    return max(start + job.run for job, start in zip(workload.jobs, starts, strict=True))


def check(workload: Workload, starts: Sequence[float]) -> None:
    """Raises ScheduleError unless every job runs, after it was submitted, and all that run together fit."""
    changes: list[tuple[float, bool, int, int]] = []
    for job, start in zip(workload.jobs, starts, strict=True):
        if not start >= job.submit:
            raise ScheduleError(f"{workload.name}: job {job.number} starts at {start:g}, before {job.submit:g}")
        changes += [(start, True, job.cpus, job.mem), (start + job.run, False, -job.cpus, -job.mem)]
    cpus, mem = workload.cpus, workload.chunks
    for time, _, taken_cpus, taken_mem in sorted(changes):  # What ends makes room for what starts.
        cpus -= taken_cpus
        mem -= taken_mem
        if cpus < 0 or mem < 0:
            raise ScheduleError(f"{workload.name}: {-cpus} CPUs or {-mem} chunks too many at {time:g}")


def mean_of(scores: Sequence[Score]) -> Score:
    """Over workloads that count as one; of the worst figures, the worst."""
    shared = [key for key in scores[0] if all(key in each for each in scores)]
    return {key: (max if key in WORST else fmean)([each[key] for each in scores]) for key in shared}
