# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scheduling situation in three lines: what there is, who runs, who waits; then what the plan must say of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource, claims
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot, Verdict

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND


def at(seconds: int) -> int:
    return NOW + seconds * SECOND


@dataclass
class Scenario:
    """Times in seconds from now."""

    chunks: int = 32
    cpus: int = 8
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
    ) -> Scenario:
        self.waiting.append(
            Candidate(
                key=key,
                claims=claims(chunks=chunks, cpus=cpus),
                duration=runs * SECOND,
                priority=priority,
                deadline=None if deadline is None else at(deadline),
                submitted=NOW + len(self.waiting),
                now_only=now_only,
            )
        )
        return self

    def snapshot(self) -> Snapshot:
        return Snapshot(
            now=NOW,
            resources=(Resource(MEMORY, self.chunks), Resource(CPU, self.cpus)),
            leases=tuple(self.leases),
            waiting=tuple(self.waiting),
        )

    def plan(self) -> Plan:
        return plan(self.snapshot())

    def starts(self) -> dict[str, int]:
        """Planned start of each placed task, in seconds from now."""
        return {lease.owner: (lease.start - NOW) // SECOND for lease in self.plan().placed}

    def verdicts(self) -> dict[str, set[Verdict]]:
        return {key: {reason.verdict for reason in reasons} for key, reasons in self.plan().unplaced.items()}
