# SPDX-License-Identifier: LGPL-2.1-or-later
"""The planner of the product as a policy of a replay: the same calls as the daemon's, with declared times only.

A state is anything with the attributes of tests.bench.replay.State; another evaluator's will do, which may load this
file by its path.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource, claims
from sd_taskpacker.plan import planner
from sd_taskpacker.plan.accuracy import Accuracy
from sd_taskpacker.plan.pace import Pace
from sd_taskpacker.plan.snapshot import Candidate, Snapshot

SECOND = 1_000_000
UNLIMITED = 1 << 60
"""Chunks of a machine whose memory does not count."""


class Job(Protocol):
    @property
    def submit(self) -> float: ...
    @property
    def cpus(self) -> int: ...
    @property
    def mem(self) -> int: ...
    @property
    def est(self) -> float: ...
    @property
    def priority(self) -> int: ...
    @property
    def deadline(self) -> float | None: ...


class Workload(Protocol):
    @property
    def jobs(self) -> Sequence[Job]: ...
    @property
    def cpus(self) -> int: ...
    @property
    def mem(self) -> int: ...


class State(Protocol):
    @property
    def now(self) -> float: ...
    @property
    def cpus(self) -> int: ...
    @property
    def mem(self) -> int: ...
    @property
    def jobs(self) -> Sequence[Job]: ...
    @property
    def running(self) -> Mapping[int, float]: ...
    @property
    def arrived(self) -> Sequence[int]: ...
    @property
    def ended(self) -> Sequence[int]: ...


class TaskPacker:
    name = "taskpacker"

    def begin(self, workload: Workload) -> None:
        self.planned: dict[int, float] = {}
        """Job -> the start that it was promised when it came."""
        self.wake: float | None = None
        self._accuracy = Accuracy()
        self._pace = Pace()
        self._waiting: dict[int, Candidate] = {}
        self._leases: dict[int, Lease] = {}

    def choose(self, state: State) -> list[int]:
        now = usec(state.now)
        for index in self._leases.keys() - state.running.keys():
            lease = self._leases.pop(index)
            if index in state.ended:  # Else it ended while nobody waited, and nobody was asked.
                self._accuracy = self._accuracy.after(now - lease.start, lease.end - lease.start)
        for index in state.arrived:
            self._waiting[index] = candidate(index, state.jobs[index])
            self._pace = self._pace.joined(self._waiting[index].duration)
        plan = planner.plan(
            Snapshot(
                now=now,
                resources=resources(state.cpus, state.mem),
                leases=tuple(self._leases.values()),
                waiting=tuple(self._waiting.values()),
                accuracy=self._accuracy.value,
                pace=self._pace.value(self._accuracy.value, now),
            )
        )
        self._pace = self._pace.behind(plan.backlog * self._accuracy.value, now)
        for lease in plan.placed:
            if lease.start == now:
                self._leases[int(lease.owner)] = lease
                del self._waiting[int(lease.owner)]
        for key, start in plan.promised.items():
            index = int(key)
            self.planned[index] = start / SECOND
            if index in self._waiting:
                self._waiting[index] = replace(self._waiting[index], promised=start)
        self.wake = min((each.promised / SECOND for each in self._waiting.values() if each.promised), default=None)
        return sorted(map(int, plan.due))


def make_policy() -> TaskPacker:
    return TaskPacker()


def plan(workload: Workload) -> list[float]:
    """The start of each job, in seconds, when all of them are ready at zero."""
    waiting = [candidate(index, job) for index, job in enumerate(workload.jobs)]
    if any(job.est != int(job.est) for job in workload.jobs):
        # Whole seconds that follow others are none: in seconds again, nothing may overlap by the error of a float.
        waiting = [replace(each, duration=each.duration + 1) for each in waiting]
    snapshot = Snapshot(now=0, resources=resources(workload.cpus, workload.mem), waiting=tuple(waiting))
    starts = {int(lease.owner): lease.start / SECOND for lease in planner.plan(snapshot).placed}
    return [starts[index] for index in range(len(workload.jobs))]


def resources(cpus: int, chunks: int) -> tuple[Resource, ...]:
    return Resource(MEMORY, chunks or UNLIMITED), Resource(CPU, cpus)


def candidate(index: int, job: Job) -> Candidate:
    return Candidate(
        key=str(index),
        claims=claims(chunks=job.mem, cpus=job.cpus),
        duration=usec(job.est),
        priority=job.priority,
        deadline=None if job.deadline is None else usec(job.deadline),
        submitted=usec(job.submit),
        runs_late=True,  # Nobody is there to be told that a deadline cannot be met.
    )


def usec(seconds: float) -> int:
    return round(seconds * SECOND)
