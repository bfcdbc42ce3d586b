# SPDX-License-Identifier: LGPL-2.1-or-later
"""A workload in a few lines: the machine, then who comes when; then what a policy makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.bench.replay import Outcome, Policy, replay
from tests.bench.textbook import make
from tests.bench.workload import Job, Workload


@dataclass
class Stream:
    """Times in seconds; jobs are numbered from zero as they are added, which must be in submit order."""

    cpus: int = 4
    mem: int = 0
    jobs: list[Job] = field(default_factory=list)

    def job(
        self,
        *,
        at: float = 0,
        cpus: int = 1,
        mem: int = 0,
        est: float = 10,
        run: float | None = None,
        deadline: float | None = None,
    ) -> Stream:
        """It runs as long as it declares, unless told otherwise."""
        self.jobs.append(
            Job(
                number=len(self.jobs),
                submit=at,
                cpus=cpus,
                mem=mem,
                est=est,
                run=est if run is None else run,
                deadline=deadline,
            )
        )
        return self

    def workload(self) -> Workload:
        return Workload(name="stream", jobs=self.jobs, cpus=self.cpus, mem=self.mem)

    def replay(self, policy: Policy | str) -> Outcome:
        return replay(self.workload(), make(policy) if isinstance(policy, str) else policy)

    def starts(self, policy: Policy | str) -> list[float]:
        return self.replay(policy).starts
