# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine over time: who comes when and how long it truly runs; then what was promised, and what became of it.

The planner is asked whenever anybody comes or ends and whenever something was promised for, as the daemon asks it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource, claims
from sd_taskpacker.plan.planner import starts
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot
from tests.plan.scenario import SECOND


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Times in seconds; `expects` is declared, `runs` is the truth."""

    comes: int
    chunks: int
    cpus: int = 0
    expects: int
    runs: int
    priority: int = 100
    within: int | None = None
    """Its deadline, counted from when it comes."""
    now_only: bool = False


@dataclass
class Fate:
    """Times in seconds; None: that never happened."""

    arrival: Arrival
    promised: int | None = None
    started: int | None = None
    refused: bool = False

    @property
    def is_late(self) -> bool:
        return self.promised is not None and (self.started is None or self.started > self.promised)

    @property
    def misses_its_deadline(self) -> bool:
        within = self.arrival.within
        if within is None or self.started is None:
            return False
        return self.started + self.arrival.expects > self.arrival.comes + within


@dataclass
class Machine:
    chunks: int = 8
    cpus: int = 8
    accuracy: float = 0.5
    fates: list[Fate] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    def live(self, arrivals: Sequence[Arrival]) -> list[Fate]:
        """What became of each of them. Raises AssertionError if anybody waits for ever."""
        self.fates = [Fate(arrival) for arrival in arrivals]
        waiting: dict[str, Candidate] = {}
        leases: dict[str, Lease] = {}
        coming = sorted(range(len(arrivals)), key=lambda n: arrivals[n].comes, reverse=True)
        now = -1
        while coming or waiting or leases:
            now = min(self._moments(now, arrivals[coming[-1]] if coming else None, waiting, leases))
            for key in [key for key in leases if self._ends(key) <= now]:
                del leases[key]
            while coming and arrivals[coming[-1]].comes * SECOND <= now:
                number = coming.pop()
                waiting[str(number)] = _candidate(number, arrivals[number])
            made = starts(self._snapshot(now, waiting, leases))
            self.plans.append(made)
            self._apply(made, waiting, leases)
        return self.fates

    def _snapshot(self, now: int, waiting: dict[str, Candidate], leases: dict[str, Lease]) -> Snapshot:
        return Snapshot(
            now=now,
            resources=(Resource(MEMORY, self.chunks), Resource(CPU, self.cpus)),
            leases=tuple(leases.values()),
            waiting=tuple(waiting.values()),
            accuracy=self.accuracy,
        )

    def _moments(
        self, now: int, coming: Arrival | None, waiting: dict[str, Candidate], leases: dict[str, Lease]
    ) -> list[int]:
        """When next to ask."""
        moments = [self._ends(key) for key in leases]
        if coming is not None:
            moments.append(coming.comes * SECOND)
        moments += [each.promised for each in waiting.values() if each.promised is not None and each.promised > now]
        assert moments, f"{len(waiting)} wait for ever"
        return moments

    def _ends(self, key: str) -> int:
        fate = self.fates[int(key)]
        assert fate.started is not None
        return (fate.started + fate.arrival.runs) * SECOND

    def _apply(self, made: Plan, waiting: dict[str, Candidate], leases: dict[str, Lease]) -> None:
        for key, start in made.promised.items():
            self.fates[int(key)].promised = start // SECOND
            waiting[key] = dataclasses.replace(waiting[key], promised=start)
        for key in made.unplaced:
            self.fates[int(key)].refused = True
            del waiting[key]
        for lease in made.placed:
            self.fates[int(lease.owner)].started = made.now // SECOND
            leases[lease.owner] = lease
            del waiting[lease.owner]
        for name, capacity in ((MEMORY, self.chunks), (CPU, self.cpus)):
            assert sum(lease.claims[name] for lease in leases.values()) <= capacity


def _candidate(number: int, arrival: Arrival) -> Candidate:
    return Candidate(
        key=str(number),
        claims=claims(chunks=arrival.chunks, cpus=arrival.cpus),
        duration=arrival.expects * SECOND,
        priority=arrival.priority,
        deadline=None if arrival.within is None else (arrival.comes + arrival.within) * SECOND,
        submitted=arrival.comes * SECOND,
        now_only=arrival.now_only,
    )
