# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scheduling situation in three lines: what there is, who runs, who waits; then what the plan must say of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource, claims, unit_resource
from sd_taskpacker.plan.fields import Fields
from sd_taskpacker.plan.guarantee import Guarantee
from sd_taskpacker.plan.pace import times
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.profile import Profile, Span
from sd_taskpacker.plan.ranking import backlog, entries, rank
from sd_taskpacker.plan.search import EXACT
from sd_taskpacker.plan.sketch import Scene, Sketch
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot, Verdict

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
SLOW = 1e9
"""Seconds: work that takes so long that only the bounds count which are set for people."""


def at(seconds: int) -> int:
    return NOW + seconds * SECOND


@dataclass
class Scenario:
    """Times in seconds from now."""

    chunks: int = 32
    cpus: int = 8
    accuracy: float = 0.5
    pace: float = SLOW
    units: dict[str, int] = field(default_factory=dict)
    """Unit -> how many of its tasks may run at once."""
    leases: list[Lease] = field(default_factory=list)
    waiting: list[Candidate] = field(default_factory=list)

    def running(self, *, chunks: int = 1, cpus: int = 0, since: int = 0, ends: int = 60) -> Scenario:
        owner = f"running-{len(self.leases)}"
        self.leases.append(
            Lease(owner=owner, claims=claims(chunks=chunks, cpus=cpus), start=at(-since), end=at(ends))
        )
        return self

    def task(
        self,
        key: str,
        *,
        chunks: int = 1,
        cpus: int = 0,
        runs: int = 60,
        priority: int = 100,
        deadline: int | None = None,
        now_only: bool = False,
        promised: int | None = None,
        age: int = 0,
        runs_late: bool = False,
        unit: str | None = None,
    ) -> Scenario:
        """`age`: how long it has waited. `unit`: one whose MaxRunning= counts, see `units`."""
        self.waiting.append(
            Candidate(
                key=key,
                claims=claims(chunks=chunks, cpus=cpus, limited_unit=unit),
                duration=runs * SECOND,
                priority=priority,
                deadline=None if deadline is None else at(deadline),
                submitted=at(-age),
                now_only=now_only,
                promised=None if promised is None else at(promised),
                runs_late=runs_late,
            )
        )
        return self

    def snapshot(self) -> Snapshot:
        limits = (Resource(unit_resource(unit), most) for unit, most in self.units.items())
        return Snapshot(
            now=NOW,
            resources=(Resource(MEMORY, self.chunks), Resource(CPU, self.cpus), *limits),
            leases=tuple(self.leases),
            waiting=tuple(self.waiting),
            accuracy=self.accuracy,
            pace=self.pace,
        )

    def plan(self) -> Plan:
        return plan(self.snapshot())

    def starts(self) -> dict[str, int]:
        """Planned start of each placed task, in seconds from now."""
        return {lease.owner: (lease.start - NOW) // SECOND for lease in self.plan().placed}

    def due(self) -> set[str]:
        return set(self.plan().due)

    def promises(self) -> dict[str, int]:
        """In seconds from now."""
        return {key: (start - NOW) // SECOND for key, start in self.plan().promised.items()}

    def verdicts(self) -> dict[str, set[Verdict]]:
        return {key: {reason.verdict for reason in reasons} for key, reasons in self.plan().unplaced.items()}

    def parts(self) -> Parts:
        return Parts(self.snapshot())


class Parts:
    """What the modules below the planner work with: fields, what runs, and the entries in their order."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.capacity = {resource.name: resource.capacity for resource in snapshot.resources}
        self.fields = Fields(snapshot.resources)
        self.held = snapshot.leases
        self.running: list[Span] = [(lease.start, lease.end, self.fields.need(lease.claims)) for lease in self.held]
        self.room = Profile(NOW, self.fields.capacity, self.fields.guards, self.running)
        made = entries(snapshot.waiting, self.fields, self.capacity)
        self.work = backlog(made, self.held, self.capacity, NOW)
        by = times(snapshot.pace, self.work, 1.0)
        self.order = rank(made, NOW, by)
        exact = snapshot.accuracy >= EXACT
        self.guarantee = Guarantee(self.fields, NOW, self.running, self.order, slack=by.slack, exact=exact)

    @property
    def keys(self) -> list[str]:
        return [entry.candidate.key for entry in self.order]

    def slots(self) -> dict[str, int]:
        """Of those that have one, in seconds from now."""
        return {entry.candidate.key: (entry.slot - NOW) // SECOND for entry in self.order if entry.slot is not None}

    def promise(self) -> dict[str, int]:
        """Those that are refused, with the start for which they are, in seconds from now."""
        refused = self.guarantee.promise([entry for entry in self.order if entry.is_new], self.work)
        return {key: (start - NOW) // SECOND for key, start in refused.items()}

    def fits(self, profile: Profile, chunks: int, seconds: int) -> bool:
        """Whether that many chunks are free then, for a second."""
        copy = profile.copy()
        return copy.fits(self.fields.probe(claims(chunks=chunks, cpus=0)), SECOND, copy.cut(at(seconds)))

    def scene(self) -> Scene:
        weights = [0.0] * (1 + self.order[-1].level)
        for entry in self.order:
            weights[entry.level] += entry.weight
        return Scene(
            now=NOW,
            running=self.room,
            promised=self.guarantee.levels(at(10**9)),
            guards=self.fields.guards,
            least=self.fields.least(entry.probe for entry in self.order),
            far=self.work + 3600,
            weights=weights,
        )

    def sketched(self, sketch: Sketch) -> dict[str, int]:
        """Start of each that has a place, in seconds from now."""
        return {sketch.order[n].candidate.key: (start - NOW) // SECOND for n, start in sketch.starts.items()}
