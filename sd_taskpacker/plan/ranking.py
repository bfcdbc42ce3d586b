# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who comes first, and what it costs that somebody waits.

Priority first. Among equals the order is that of shortest expected work first, which gives way to age: who is e times
as large stands behind those who come up to a certain time later, and before all who come after. The measure of size
lies between duration (shortest job first) and duration times share of the machine (smallest area first). The time
grows with the backlog: where everybody waits for days, a few hours are no reason to pass anybody (pace.py). It is
shorter for those who have a deadline.

Ahead of all others of their priority are those to whom this moment is promised, and the eldest one once it has waited
so long that it is nobody's turn but its own. So nobody waits for ever.

The figures were chosen by measurement with tests/bench/schedule.py; README.rst shows the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.model.resource import Claims, Lease, unit_of
from sd_taskpacker.plan.fields import Fields
from sd_taskpacker.plan.pace import SECOND, Times
from sd_taskpacker.plan.snapshot import Candidate

SHORTEST: Final = 10.0
"""Seconds. Below this duration all are equally short; the customary bound of bounded slowdown (Feitelson, 2001)."""
PER_HOUR: Final = 0.3
"""How bad it is that anybody waits an hour, beside what it is in proportion to how long it runs."""


@dataclass(slots=True)
class Entry:
    """A candidate as the planner works with it. `level`: of its priority, 0 is the highest one. `ahead`: it is first
    there, whatever its rank."""

    candidate: Candidate
    need: int
    probe: int
    share: float
    """Of the resource of which it wants the largest part."""
    level: int = 0
    ahead: bool = False
    rank: float = 0.0
    """Lower comes first."""
    weight: float = 0.0
    """What it costs that it waits for another second."""
    slot: int | None = None
    """Where room is held for it: the latest time at which it may start."""

    @property
    def duration(self) -> int:
        return self.candidate.duration

    @property
    def is_new(self) -> bool:
        """It is to be promised a start."""
        return self.candidate.promised is None and not self.candidate.now_only


def entries(candidates: Iterable[Candidate], fields: Fields, capacity: Mapping[str, int]) -> list[Entry]:
    made: list[Entry] = []
    cache: dict[tuple[tuple[str, int], ...], tuple[int, int, float]] = {}
    for candidate in candidates:
        wants = tuple(candidate.claims.items())
        known = cache.get(wants)
        if known is None:
            claims = candidate.claims
            known = cache[wants] = fields.need(claims), fields.probe(claims), share_of(claims, capacity)
        made.append(Entry(candidate, *known, slot=candidate.promised))
    return made


def share_of(claims: Claims, capacity: Mapping[str, int]) -> float:
    """The largest part that is claimed of a resource; a unit's MaxRunning= is no measure of size."""
    shares = (
        amount / capacity[name]
        for name, amount in claims.items()
        if amount and capacity.get(name) and not unit_of(name)
    )
    return max(shares, default=0.0)


def backlog(waiting: Iterable[Entry], held: Iterable[Lease], capacity: Mapping[str, int], now: int) -> float:
    """Seconds that the whole machine would need for what runs and waits, if nothing of it were lost."""
    running = sum((lease.end - now) * share_of(lease.claims, capacity) for lease in held)
    return (running + sum(entry.candidate.duration * entry.share for entry in waiting)) / SECOND


def rank(waiting: Sequence[Entry], now: int, by: Times) -> list[Entry]:
    """In their order; equals as they came."""
    levels = {priority: level for level, priority in enumerate(sorted({-e.candidate.priority for e in waiting}))}
    for entry in waiting:
        entry.level = levels[-entry.candidate.priority]
        entry.ahead = _is_due(entry, now)
        rate(entry, now, by)
    eldest = min(waiting, key=lambda entry: entry.candidate.submitted, default=None)
    if eldest is not None and now - eldest.candidate.submitted > by.age_limit * SECOND:
        eldest.ahead = True
    return sorted(waiting, key=lambda entry: (entry.level, not entry.ahead, entry.rank))


def rate(entry: Entry, now: int, by: Times) -> None:
    """Finds its rank and its weight."""
    candidate = entry.candidate
    duration, age = candidate.duration / SECOND, max(0, now - candidate.submitted) / SECOND
    aged = age / (by.patience if candidate.deadline is None else by.deadline_patience)
    entry.rank = math.log(duration + SHORTEST) + 0.5 * math.log(max(entry.share, 1e-6)) - aged
    entry.weight = weight_when_new(duration, entry.share) * grown(age, by)


def weight_when_new(duration: float, share: float) -> float:
    """What it costs that something waits for a second. `duration` in seconds."""
    root: float = max(share, 1e-6) ** 0.5
    return (1 / max(duration, SHORTEST) + PER_HOUR / 3600) * root


def grown(age: float, by: Times) -> float:
    """How many times as bad it is to wait another second for who has waited `age` seconds."""
    return math.exp(min(50.0, age / by.indignation))


def _is_due(entry: Entry, now: int) -> bool:
    """What was promised to it is to be kept now."""
    moment = entry.slot if entry.is_new else entry.candidate.promised
    return moment is not None and moment <= now
