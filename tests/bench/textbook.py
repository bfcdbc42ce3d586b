# SPDX-License-Identifier: LGPL-2.1-or-later
"""The published policies that the planner is measured against.

An order alone blocks: its first job waits until it fits, and all others behind it. With `+easy` only the first job
holds a reservation, and others pass that do not delay it (EASY: Lifka, JSSPP 1995; Mu'alem and Feitelson, IEEE
TPDS 12(6), 2001). `cons` is conservative backfilling: every job holds a reservation, first come first served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from tests.bench.orders import FIXED, MOVING, FixedOrder, MovingOrder
from tests.bench.replay import Policy, State
from tests.bench.timeline import Timeline
from tests.bench.workload import Workload

DEFAULT: Final = (
    *("fcfs", "sjf", "wfp3", "unicep", "expf", "f1", "fcfs+easy", "cons"),
    *("sjf+easy", "wfp3+easy", "unicep+easy", "expf+easy", "f1+easy"),
)


def make(name: str) -> Policy:
    """Raises ValueError, which says what there is, for an unknown name."""
    if name == "cons":
        return Conservative()
    order, _, way = name.partition("+")
    if order not in {**FIXED, **MOVING} or way not in ("", "easy"):
        known = " ".join([*FIXED, *MOVING])
        raise ValueError(f"there is no policy {name!r}; there is cons, and alone or with +easy: {known}")
    return Ordered(name, order, _easy if way else _block)


class Ordered:
    """A policy that plans nothing: it looks at what waits in an order, each time anew."""

    def __init__(self, name: str, order: str, pick: Callable[[State, Sequence[int]], list[int]]) -> None:
        self.name = name
        self.planned: Mapping[int, float] = {}
        self.wake: float | None = None
        self._order = order
        self._pick = pick

    def begin(self, workload: Workload) -> None:
        moving = MOVING.get(self._order)
        self._waiting = MovingOrder(moving) if moving else FixedOrder(FIXED[self._order], workload)

    def choose(self, state: State) -> Sequence[int]:
        self._waiting.arrive(state.arrived)
        if not state.free_cpus:
            return []
        chosen = self._pick(state, self._waiting.sort(state))
        for index in chosen:
            self._waiting.forget(index)
        return chosen


def _block(state: State, queue: Sequence[int]) -> list[int]:
    """The longest beginning of the queue that fits."""
    cpus, mem = state.free_cpus, state.free_mem
    for place, index in enumerate(queue):
        job = state.jobs[index]
        cpus -= job.cpus
        mem -= job.mem
        if cpus < 0 or mem < 0:
            return list(queue[:place])
    return list(queue)


def _easy(state: State, queue: Sequence[int]) -> list[int]:
    jobs, now = state.jobs, state.now
    chosen = _block(state, queue)
    cpus = state.free_cpus - sum(jobs[index].cpus for index in chosen)
    mem = state.free_mem - sum(jobs[index].mem for index in chosen)
    if len(chosen) + 1 >= len(queue) or not cpus:
        return chosen
    shadow, spare_cpus, spare_mem = _reservation(state, chosen, queue[len(chosen)], cpus, mem)
    for index in queue[len(chosen) + 1 :]:
        job = jobs[index]
        if job.cpus > cpus or job.mem > mem:
            continue
        if now + job.est > shadow:  # It runs beside the first job, on what that one leaves.
            if job.cpus > spare_cpus or job.mem > spare_mem:
                continue
            spare_cpus -= job.cpus
            spare_mem -= job.mem
        chosen.append(index)
        cpus -= job.cpus
        mem -= job.mem
        if not cpus:
            break
    return chosen


def _reservation(state: State, chosen: Sequence[int], first: int, cpus: int, mem: int) -> tuple[float, int, int]:
    """When the first job that does not fit will start, and the CPUs and chunks that are left over then.

    `cpus` and `mem` are free once the chosen ones have started.
    """
    jobs, now = state.jobs, state.now
    ends = [(expected_end(state, i), jobs[i].cpus, jobs[i].mem) for i in state.running]
    ends += [(now + jobs[i].est, jobs[i].cpus, jobs[i].mem) for i in chosen]
    ends.sort()
    cpus -= jobs[first].cpus
    mem -= jobs[first].mem
    shadow = now
    for end, together in groupby(ends, key=itemgetter(0)):
        shadow = end
        for _, freed_cpus, freed_mem in together:
            cpus += freed_cpus
            mem += freed_mem
        if cpus >= 0 and mem >= 0:
            break
    return shadow, cpus, mem


def expected_end(state: State, index: int) -> float:
    """As declared; who outlives that is expected to end in a second."""
    end = state.running[index] + state.jobs[index].est
    return end if end > state.now else state.now + 1.0


class Conservative:
    """A reservation never moves back: a newcomer gets the earliest that moves nobody's.

    When a job ends early, the reservations are tried again one by one, first come first (compression).
    """

    name = "cons"

    def begin(self, workload: Workload) -> None:
        self.planned: dict[int, float] = {}
        self.wake: float | None = None

    def choose(self, state: State) -> Sequence[int]:
        jobs, now, arrived = state.jobs, state.now, len(state.arrived)
        held = [(expected_end(state, i), jobs[i].cpus, jobs[i].mem) for i in state.running]
        line = Timeline(now, state.cpus, state.mem, held)
        known = state.queue[: len(state.queue) - arrived]
        if any(start + jobs[index].est <= now for index, start in state.running.items()):
            known = []  # One outlives what it declared, and nothing of the plan can be relied on.
        for index in known:
            self._take(line, state, index)
        if state.ended_early:
            for index in known:
                self._take(line, state, index, -1)
                self._place(line, state, index)
        for index in state.queue[len(known) :]:
            self._place(line, state, index)
        self.wake = min((self.planned[i] for i in state.queue if self.planned[i] > now), default=None)
        return [index for index in state.queue if self.planned[index] <= now]

    def _place(self, line: Timeline, state: State, index: int) -> None:
        job = state.jobs[index]
        self.planned[index] = line.earliest(job.cpus, job.mem, job.est)
        self._take(line, state, index)

    def _take(self, line: Timeline, state: State, index: int, sign: int = 1) -> None:
        job = state.jobs[index]
        line.take(self.planned[index], job.est, sign * job.cpus, sign * job.mem)
