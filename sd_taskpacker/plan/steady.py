# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who starts now, where everybody who waits was promised a start before: what an end asks for. The answer is that of
planner.starts, found without looking at each one; tests/plan/test_steady.py compares them.

An order by rank is the merged orders of the kinds, since within a kind the eldest comes first whatever the time is.
Only those promises count that begin before what starts now would be over.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from sd_taskpacker.model.resource import Lease
from sd_taskpacker.plan.guarantee import Guarantee
from sd_taskpacker.plan.order import Order, levels_of
from sd_taskpacker.plan.pace import SECOND, times
from sd_taskpacker.plan.planner import FAR, Planning, as_planned, lease_from
from sd_taskpacker.plan.profile import Profile
from sd_taskpacker.plan.ranking import Entry, backlog, grown, rate, share_of, weight_when_new
from sd_taskpacker.plan.reasons import too_large
from sd_taskpacker.plan.search import EQUALS, FOLLOW, method_for
from sd_taskpacker.plan.sketch import Scene, Sketch
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot
from sd_taskpacker.plan.standing import AGES_TOGETHER, Kind, Place, Standing, Want

Ranked = tuple[float, int, Entry]
"""Rank, and the number that decides between equals."""


def steady_starts(snapshot: Snapshot, standing: Standing, expected: Callable[[str], int]) -> Plan:
    """`snapshot` without those who wait: they are in `standing`, and nobody of them is new. `expected`: how long
    (usec) a task of a name takes."""
    return _Steady(snapshot, standing, expected).plan()


class _Sort:
    """A kind as the planner works with it at this moment."""

    def __init__(self, kind: Kind, planning: Planning, expected: Callable[[str], int]) -> None:
        self.places = kind.in_order()
        self.ages = kind.ages
        self.want = kind.want
        self.claims = kind.claims
        self.duration = as_planned(kind.want.duration or expected(kind.want.name))
        self.need, self.probe = planning.fields.need(kind.claims), planning.fields.probe(kind.claims)
        self.share = share_of(kind.claims, planning.capacity)
        self.level = 0

    def work(self) -> float:
        return len(self.places) * self.duration * self.share


class _Steady:
    def __init__(self, snapshot: Snapshot, standing: Standing, expected: Callable[[str], int]) -> None:
        self._planning = planning = Planning(snapshot)
        self._standing = standing
        self._now = planning.now
        possible = [kind for kind in standing.kinds.values() if not self._never(kind)]
        self._sorts = {kind.want: _Sort(kind, planning, expected) for kind in possible}
        levels = levels_of(want.priority for want in self._sorts)
        self._levels = len(levels)
        for sort in self._sorts.values():
            sort.level = levels[sort.want.priority]
        running = backlog((), planning.held, planning.capacity, self._now)
        planning.backlog = running + sum(sort.work() for sort in self._sorts.values()) / SECOND
        self._by = times(planning.pace, planning.backlog, planning.accuracy)
        self._horizon = 0
        self._made: dict[str, Entry] = {}
        self._due = {place.key for place in standing.promised_until(self._now) if place.want in self._sorts}

    def plan(self) -> Plan:
        planning = self._planning
        room = Profile(self._now, planning.fields.capacity, planning.fields.guards, planning.running)
        sketch = self._sketch(room)
        if sketch is None:
            return planning.made((), room)
        return planning.made([*self._start(sketch)], room)

    def _never(self, kind: Kind) -> bool:
        never = too_large(kind.claims, self._planning.capacity)
        if never:
            self._planning.unplaced |= {place.key: never for place in kind.places.values()}
        return bool(never)

    def _sketch(self, room: Profile) -> Sketch | None:
        """None where nobody fits."""
        fields, free = self._planning.fields, room.room()
        able = [sort for sort in self._sorts.values() if (free - sort.probe) & fields.guards == fields.guards]
        if not able:
            return None
        self._horizon = self._now + max(sort.duration for sort in able)
        eldest = self._eldest()
        method, order = method_for(self._planning.accuracy), self._by_rank
        if len(self._sorts) == 1:
            method = EQUALS
        if self._is_one_batch():
            method, order = FOLLOW, self._by_promise
        near = [place for place in self._standing.promised_until(self._horizon - 1) if place.want in self._sorts]
        ranked = [self._ranked(each, ahead=each.key in self._due or each is eldest) for each in near]
        held = [entry for *_, entry in sorted(ranked, key=lambda each: (each[2].level, not each[2].ahead, *each[:2]))]
        guarantee = Guarantee(fields, self._now, self._planning.running, held, slack=self._by.slack)
        scene = Scene(
            now=self._now,
            running=room,
            promised=[guarantee.profile(level) for level in range(self._levels)],
            guards=fields.guards,
            least=fields.least(sort.probe for sort in self._sorts.values()),
            far=self._planning.backlog + FAR,
            weights=self._weights(),
        )
        return self._planning.best(order(eldest), scene, method)

    def _start(self, sketch: Sketch) -> Iterator[Lease]:
        for index in sorted(sketch.starting(self._now)):
            yield lease_from(sketch.order[index].candidate, self._now)

    def _eldest(self) -> Place | None:
        """Who has waited so long that it is nobody's turn but its own."""
        firsts = (next(iter(sort.places.values())) for sort in self._sorts.values())
        eldest = min(firsts, key=lambda place: (place.submitted, place.number))
        return eldest if self._now - eldest.submitted > self._by.age_limit * SECOND else None

    def _is_one_batch(self) -> bool:
        """As in planner: all came at once, on the same terms."""
        [one, *_] = self._sorts.values()
        came = next(iter(one.places.values())).submitted
        return all(
            sort.level == 0
            and not sort.want.hurried
            and next(iter(sort.places.values())).submitted == came
            and next(reversed(sort.places.values())).submitted == came
            for sort in self._sorts.values()
        )

    def _weights(self) -> list[float]:
        weights = [0.0] * self._levels
        for sort in self._sorts.values():
            ages = (
                (max(0, self._now - came * AGES_TOGETHER - AGES_TOGETHER // 2) / SECOND, count)
                for came, count in sort.ages.items()
            )
            grew = sum(count * grown(age, self._by) for age, count in ages)
            weights[sort.level] += weight_when_new(sort.duration / SECOND, sort.share) * grew
        return weights

    def _by_rank(self, eldest: Place | None) -> Order:
        places = {place.key: place for place in self._standing.promised_until(self._now) if place.key in self._due}
        if eldest is not None:
            places[eldest.key] = eldest
        ahead = sorted((self._ranked(place, ahead=True) for place in places.values()), key=_by_level)
        parts: list[Iterable[Ranked]] = []
        sizes = []
        for level in range(self._levels):
            sorts = [sort for sort in self._sorts.values() if sort.level == level]
            first = [ranked for ranked in ahead if ranked[2].level == level]
            sizes.append((len(first), sum(len(sort.places) for sort in sorts) - len(first)))
            parts += [first, heapq.merge(*(self._others(sort, places) for sort in sorts), key=_by_rank)]
        return Order((entry for part in parts for *_, entry in part), sizes)

    def _others(self, sort: _Sort, ahead: dict[str, Place]) -> Iterator[Ranked]:
        return (self._ranked(place) for place in sort.places.values() if place.key not in ahead)

    def _by_promise(self, eldest: Place | None) -> Order:
        """As the plan has it that was made when all of them came."""
        return Order(self._in_promised_order(eldest), [(0, sum(len(sort.places) for sort in self._sorts.values()))])

    def _in_promised_order(self, eldest: Place | None) -> Iterator[Entry]:
        places = (place for place in self._standing.by_promise() if place.want in self._sorts)
        for _, together in groupby(places, key=lambda place: max(place.promised or 0, self._now)):
            ranked = [self._ranked(each, ahead=each.key in self._due or each is eldest) for each in together]
            yield from (entry for *_, entry in sorted(ranked, key=lambda each: (not each[2].ahead, *each[:2])))

    def _ranked(self, place: Place, *, ahead: bool = False) -> Ranked:
        entry = self._entry(place)
        entry.ahead = ahead
        rate(entry, self._now, self._by)
        return entry.rank, place.number, entry

    def _entry(self, place: Place) -> Entry:
        entry = self._made.get(place.key)
        if entry is None:
            sort = self._sorts[place.want]
            promised = place.promised
            slot = promised if promised is not None and promised < self._horizon else None
            candidate = _candidate(place, sort.want, sort)
            entry = Entry(candidate, sort.need, sort.probe, sort.share, level=sort.level, slot=slot)
            self._made[place.key] = entry
        return entry


def _candidate(place: Place, want: Want, sort: _Sort) -> Candidate:
    return Candidate(
        key=place.key,
        claims=sort.claims,
        duration=sort.duration,
        priority=want.priority,
        deadline=0 if want.hurried else None,  # When it is, only matters to who comes new.
        submitted=place.submitted,
        promised=place.promised,
    )


def _by_level(ranked: Ranked) -> tuple[int, float, int]:
    return ranked[2].level, ranked[0], ranked[1]


def _by_rank(ranked: Ranked) -> tuple[float, int]:
    return ranked[0], ranked[1]
