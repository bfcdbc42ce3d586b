# SPDX-License-Identifier: LGPL-2.1-or-later
"""Replays a workload under a policy, from event to event.

Whenever jobs end or arrive (ends first), the policy is asked once which of the waiting jobs start now. It sees what
was declared and never how long a job truly runs. To start more than fits is an error, not a bad score.
"""

from __future__ import annotations

import heapq
import math
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tests.bench.workload import Job, Workload


@dataclass(slots=True, kw_only=True)
class State:
    """What a policy may know. Jobs are told by their index in `jobs`, which is in submit order."""

    now: float = 0.0
    cpus: int
    mem: int
    """Chunks of the machine."""
    free_cpus: int
    free_mem: int
    jobs: Sequence[Job]
    queue: list[int] = field(default_factory=list)
    """What waits, in submit order."""
    running: dict[int, float] = field(default_factory=dict)
    """Job -> start."""
    arrived: list[int] = field(default_factory=list)
    """Since the policy was last asked; so is `ended`."""
    ended: list[int] = field(default_factory=list)
    ended_early: bool = False
    """One of those that ended had declared a longer time."""


class Policy(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def planned(self) -> Mapping[int, float]:
        """Job -> planned start, of newcomers at least; empty for a policy that plans nothing."""

    @property
    def wake(self) -> float | None:
        """When it wants to be asked even if nothing ends or arrives."""

    def begin(self, workload: Workload) -> None: ...

    def choose(self, state: State) -> Sequence[int]: ...


class PolicyError(Exception):
    """The policy wants what cannot be."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    workload: Workload
    starts: list[float]
    promised: dict[int, float] = field(default_factory=dict)
    """Job -> the start that was planned when it arrived."""
    seconds: float = 0.0
    """Processor time inside the policy."""
    slowest: float = 0.0
    """Seconds of its slowest answer."""


def replay(workload: Workload, policy: Policy) -> Outcome:
    """Raises PolicyError for a policy that starts what does not wait or fit, or nothing for ever."""
    return _Replay(workload, policy).run()


class _Replay:
    def __init__(self, workload: Workload, policy: Policy) -> None:
        self._jobs = workload.jobs
        self._policy = policy
        seen = replace(workload, jobs=[replace(job, run=math.nan) for job in workload.jobs])
        self._state = State(
            cpus=workload.cpus,
            mem=workload.chunks,
            free_cpus=workload.cpus,
            free_mem=workload.chunks,
            jobs=seen.jobs,
        )
        self._ends: list[tuple[float, int]] = []
        self._next = 0
        self._outcome = Outcome(workload=workload, starts=[math.nan] * len(workload.jobs))
        policy.begin(seen)

    def run(self) -> Outcome:
        state = self._state
        while self._next < len(self._jobs) or self._ends or state.queue:
            state.now = self._next_moment()
            self._end()
            self._arrive()
            if state.queue:
                self._start(self._ask())
        return self._outcome

    def _next_moment(self) -> float:
        state, wake = self._state, self._policy.wake
        moments = []
        if self._ends:
            moments.append(self._ends[0][0])
        if self._next < len(self._jobs):
            moments.append(self._jobs[self._next].submit)
        if wake is not None and state.queue and wake > state.now:
            moments.append(wake)
        if not moments:
            raise PolicyError(f"{self._policy.name}: {len(state.queue)} jobs wait for ever on an idle machine")
        return min(moments)

    def _end(self) -> None:
        state = self._state
        state.ended, state.ended_early = [], False
        while self._ends and self._ends[0][0] <= state.now:
            _, index = heapq.heappop(self._ends)
            job = self._jobs[index]
            state.ended_early |= state.running.pop(index) + job.est > state.now
            state.free_cpus += job.cpus
            state.free_mem += job.mem
            state.ended.append(index)

    def _arrive(self) -> None:
        state = self._state
        first = self._next
        while self._next < len(self._jobs) and self._jobs[self._next].submit <= state.now:
            self._next += 1
        state.arrived = list(range(first, self._next))
        state.queue += state.arrived

    def _ask(self) -> Sequence[int]:
        began = time.process_time()
        chosen = self._policy.choose(self._state)
        spent = time.process_time() - began
        self._outcome.seconds += spent
        self._outcome.slowest = max(self._outcome.slowest, spent)
        planned = self._policy.planned
        for index in self._state.arrived:
            if index in planned:
                self._outcome.promised[index] = planned[index]
        return chosen

    def _start(self, chosen: Sequence[int]) -> None:
        state, name = self._state, self._policy.name
        for index in chosen:
            place = bisect_left(state.queue, index)
            if place == len(state.queue) or state.queue[place] != index:
                raise PolicyError(f"{name}: starts job {index}, which does not wait, at {state.now:g}")
            del state.queue[place]
            job = self._jobs[index]
            state.free_cpus -= job.cpus
            state.free_mem -= job.mem
            if state.free_cpus < 0 or state.free_mem < 0:
                raise PolicyError(f"{name}: starts job {index}, for which there is no room, at {state.now:g}")
            state.running[index] = self._outcome.starts[index] = state.now
            heapq.heappush(self._ends, (state.now + job.run, index))
