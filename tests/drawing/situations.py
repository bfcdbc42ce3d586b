# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plans to draw: a builder for small situations, and a generator for large ones that looks like real work."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.model.unit import Kind

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
NOW: Final = 1_795_269_623 * SECOND  # Sat 2026-11-21 14:00:23 UTC


def at(seconds: float) -> int:
    return NOW + round(seconds * SECOND)


@dataclass
class Situation:
    """Times in seconds from now."""

    chunks: int = 256
    cpus: int = 8
    draining: bool = False
    bars: list[Bar] = field(default_factory=list)
    unplaced: list[Unplaced] = field(default_factory=list)

    def task(
        self,
        label: str,
        *,
        start: float = 0,
        end: float = 60,
        running: bool | None = None,
        kind: Kind = Kind.BATCH,
        chunks: int = 4,
        cpus: int = 1,
        priority: int = 100,
        latest: float | None = None,
        deadline: float | None = None,
        overdue: bool = False,
    ) -> Situation:
        """What starts before now runs, unless it is said otherwise."""
        self.bars.append(
            Bar(
                id=label,
                label=label,
                kind=kind,
                running=start < 0 if running is None else running,
                start=at(start),
                end=at(end),
                latest=None if latest is None else at(latest),
                chunks=chunks,
                cpus=cpus,
                priority=priority,
                deadline=None if deadline is None else at(deadline),
                overdue=overdue,
            )
        )
        return self

    def without_place(self, label: str, *reasons: str) -> Situation:
        self.unplaced.append(Unplaced(id=label, label=label, reasons=reasons))
        return self

    def view(self) -> PlanView:
        return PlanView(
            now=NOW,
            chunks=self.chunks,
            cpus=self.cpus,
            bars=tuple(self.bars),
            unplaced=tuple(self.unplaced),
            draining=self.draining,
        )


def small() -> Situation:
    """Everything that can be told apart, once."""
    return (
        Situation()
        .task("nightly-checksum@20261121.0", start=-400, end=900, kind=Kind.WORKORDER, chunks=64, cpus=2)
        .task("build/massif@20261121.0", start=-240, end=360, chunks=64, cpus=4)
        .task("build/massif@20261121.1", start=-2000, end=500, chunks=32, cpus=1, overdue=True)
        .task("compress@20261121.7", start=360, end=1100, latest=500, chunks=128, cpus=2, deadline=1300)
        .task("load@20261121.12", start=500, end=1500, latest=640, chunks=64, cpus=4, priority=50, deadline=1200)
        .without_place("huge-profile@20261121.3", "needs 16G of memory, the budget is 8G")
        .without_place("nightly/report@20261121.0", "its root is decommissioned")
    )


def overcommitted() -> Situation:
    s = Situation().task("backup@20261121.0", start=-100, end=900, kind=Kind.WORKORDER, chunks=160, cpus=6)
    s.task("restore@20261121.0", start=-50, end=400, kind=Kind.WORKORDER, chunks=160, cpus=4)
    return s.task("compress@20261121.0", start=900, end=1500, chunks=64, cpus=2, latest=900)


def many(count: int, *, seed: int = 1, chunks: int = 1024, cpus: int = 64, mean: float = 600) -> Situation:
    """A queue of `count` tasks, packed one after the other."""
    rng = random.Random(seed)
    s = Situation(chunks=chunks, cpus=cpus)
    free, now, held = [chunks, cpus], 0.0, list[tuple[float, int, int]]()
    names = ("build/massif", "compress", "load", "nightly/report/pages", "simulate", "checksum", "train/evaluate")
    for index in range(count):
        size, cores = rng.choice((1, 4, 8, 8, 32, 48)), rng.choice((1, 1, 2, 4))
        runs = rng.expovariate(1 / mean) + 5
        while free[0] < size or free[1] < cores:
            now, back, cores_back = heappop(held)
            free[0], free[1] = free[0] + back, free[1] + cores_back
        free[0], free[1] = free[0] - size, free[1] - cores
        heappush(held, (now + runs, size, cores))
        running = now == 0
        name = rng.choice(names)
        s.task(
            f"{name}@20261121.{index}",
            start=-rng.random() * mean if running else now,
            end=now + runs,
            running=running,
            kind=Kind.WORKORDER if running and rng.random() < 0.2 else Kind.BATCH,
            chunks=size,
            cpus=cores,
            priority=rng.choice((50, 100, 100, 200)),
            latest=None if running or rng.random() < 0.3 else now + rng.random() * mean / 2,
            deadline=now + runs * rng.uniform(0.8, 3) if rng.random() < 0.1 else None,
            overdue=running and rng.random() < 0.1,
        )
    return s


HOSTILE = (
    "</title></text></style><script>alert(1)</script>",
    """" onload="alert(1)" x='""",
    "]]><!--",
    "&amp;&#x3c;",
    "line\nbreak\r\ttab\x00\x1b[31m\x7f\x85",
    "\udfff\ud800\ufffe\uffff",
    "\u202egnp.exe\u2066",
    "数据处理" * 250,
    "W" * 1000,
    "e" + "\u0301" * 999,
    "",
    " ",
)


def hostile() -> Situation:
    """Every hostile text as an id, a label and a reason."""
    s = Situation()
    for text in HOSTILE:
        s.task(text, start=-5).task(text, start=5).without_place(text, text, text)
    return s
