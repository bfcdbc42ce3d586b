# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything waits at time zero: how long is the plan, compared with the shortest there can be?

Instances are rectangles cut from a strip without waste, so that the shortest plan is exactly as long as the strip. A
file has columns instance, width, optimum, task, cpus and run; each task asks for as many chunks as CPUs.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench.score import check, makespan
from tests.bench.timeline import Timeline
from tests.bench.workload import Job, Workload, WorkloadError, open_text

Planner = Callable[[Workload], Sequence[float]]
"""The start of each job."""

SORTED: Final[Mapping[str, Callable[[Job], tuple[float, ...]]]] = {
    "given": lambda job: (),
    "longest": lambda job: (-job.run, -job.cpus),
    "widest": lambda job: (-job.cpus, -job.run),
    "area": lambda job: (-job.cpus * job.run,),
}


def list_planner(order: str) -> Planner:
    """Each job in this order at the earliest place that is left; raises ValueError for an unknown order."""
    if order not in SORTED:
        raise ValueError(f"there is no order {order!r}; there is {' '.join(SORTED)}")

    def plan(workload: Workload) -> Sequence[float]:
        jobs = workload.jobs
        line = Timeline(0.0, workload.cpus, workload.chunks)
        starts = [0.0] * len(jobs)
        for index in sorted(range(len(jobs)), key=lambda index: SORTED[order](jobs[index])):
            job = jobs[index]
            starts[index] = line.earliest(job.cpus, job.mem, job.est)
            line.take(starts[index], job.est, job.cpus, job.mem)
        return starts

    return plan


def excess(workload: Workload, starts: Sequence[float], shortest: float) -> float:
    """How much longer than the shortest, as a share of it; raises ScheduleError for what is no schedule."""
    check(workload, starts)
    return makespan(workload, starts) / shortest - 1


def floor(workload: Workload) -> float:
    """No plan of jobs that are ready at zero is shorter: the work by the machine, and the longest job."""
    longest = max(job.run for job in workload.jobs)
    cpus = sum(job.cpus * job.run for job in workload.jobs) / workload.cpus
    return max(longest, cpus, sum(job.mem * job.run for job in workload.jobs) / workload.chunks)


def read_instances(path: Path) -> list[tuple[Workload, float]]:
    """With the length of the shortest plan of each; raises WorkloadError for a bad file."""
    jobs: dict[str, list[Job]] = {}
    sizes: dict[str, tuple[int, float]] = {}
    try:
        with open_text(path) as lines:
            for row in csv.DictReader(line for line in lines if not line.startswith("#")):
                cpus, run = int(row["cpus"]), float(row["run"])
                job = Job(number=int(row["task"]), submit=0.0, cpus=cpus, mem=cpus, est=run, run=run)
                jobs.setdefault(row["instance"], []).append(job)
                sizes[row["instance"]] = int(row["width"]), float(row["optimum"])
    except (KeyError, TypeError, ValueError) as e:
        raise WorkloadError(f"{path}: {e}; columns are instance, width, optimum, task, cpus and run") from e
    return [
        (Workload(name=name, jobs=jobs[name], cpus=width, mem=width), shortest)
        for name, (width, shortest) in sizes.items()
    ]
