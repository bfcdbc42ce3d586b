# SPDX-License-Identifier: LGPL-2.1-or-later
"""plan(snapshot) -> Plan: from scratch every time, deterministic, nothing is granted here.

Held leases are carried over and never move. Who comes new gets a promise (guarantee.py). The order (ranking.py) is
improved for this moment (search.py), which decides who starts now. Everybody else follows in that order, each at the
earliest time at which all its claims fit for its whole expected duration (fill.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sd_taskpacker.model.resource import Claims, Lease
from sd_taskpacker.plan.fields import Fields
from sd_taskpacker.plan.fill import fill_in_time
from sd_taskpacker.plan.guarantee import Guarantee
from sd_taskpacker.plan.pace import SECOND, times
from sd_taskpacker.plan.pack import pack
from sd_taskpacker.plan.profile import Profile, Span
from sd_taskpacker.plan.ranking import Entry, backlog, entries, rank
from sd_taskpacker.plan.reasons import lacking, reserved, span, too_large
from sd_taskpacker.plan.search import EXACT, FOLLOW, Method, best, method_for
from sd_taskpacker.plan.sketch import Scene, Sketch
from sd_taskpacker.plan.snapshot import Candidate, Plan, Reason, Snapshot, Verdict

DEADLINE: Final = "deadline"
BATCH: Final = 8
"""Tasks that come at once to an empty line, from which on they are planned as one."""
LONGEST: Final = 365 * 86400 * SECOND
"""What is expected to take longer is planned as a year: sums of many such times must stay numbers that others can
store and send."""
FURTHEST: Final = 1 << 62
"""No promise is later."""
FAR: Final = 3600.0
"""Seconds beyond the backlog: when somebody starts of whom a sketch says nothing."""


def plan(snapshot: Snapshot) -> Plan:
    """Everything: who starts now, what is promised, and where everybody else comes."""
    return Planning(snapshot).plan(whole=True)


def starts(snapshot: Snapshot) -> Plan:
    """What has to be known at once: who starts now, what is promised, who is refused. `placed` has only those who
    start now, and they are the same as in the whole plan."""
    return Planning(snapshot).plan(whole=False)


class Planning:
    """One plan in the making."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot.now
        self.accuracy = snapshot.accuracy
        self.pace = snapshot.pace
        self.backlog = 0.0
        self.capacity = {resource.name: resource.capacity for resource in snapshot.resources}
        self.fields = Fields(snapshot.resources)
        self.held = tuple(_as_expected(lease, self.now) for lease in snapshot.leases)
        self.running: list[Span] = [(lease.start, lease.end, self.fields.need(lease.claims)) for lease in self.held]
        self.unplaced: dict[str, tuple[Reason, ...]] = {}
        self.promised: dict[str, int] = {}
        self.waiting = tuple(map(_as_planned, snapshot.waiting))

    def plan(self, *, whole: bool) -> Plan:
        room = Profile(self.now, self.fields.capacity, self.fields.guards, self.running)
        if all(candidate.now_only for candidate in self.waiting):
            placed = self._pack_now(room)
        else:
            placed = self._place(room, whole=whole)
        return self.made(placed, room)

    def _pack_now(self, room: Profile) -> list[Lease]:
        """Nobody waits: what fits now fits for its whole time, since from here on leases only end."""
        placed: list[Lease] = []
        free = self.fields.amounts(room.room())
        for candidate in sorted(self.waiting, key=lambda candidate: -candidate.priority):
            refused = (
                too_large(candidate.claims, self.capacity)
                or lacking(candidate.claims, free)
                or self._too_late(candidate, self.now)
            )
            if refused:
                self.unplaced[candidate.key] = refused
            else:
                _take(free, candidate.claims)
                placed.append(lease_from(candidate, self.now))
        return placed

    def _place(self, room: Profile, *, whole: bool) -> list[Lease]:
        now = self.now
        waiting = entries(self._possible(), self.fields, self.capacity)
        work = backlog(waiting, self.held, self.capacity, now)
        self.backlog = work
        by = times(self.pace, work, self.accuracy)
        order = rank(waiting, now, by)
        exact = self.accuracy >= EXACT
        guarantee = Guarantee(self.fields, now, self.running, order, slack=by.slack, exact=exact)
        method = method_for(self.accuracy)
        if order and _is_one_batch(order):
            if order[0].is_new and len(order) >= BATCH:
                return self._place_batch(order, guarantee, room, whole=whole)
            if not order[0].is_new:
                order.sort(key=lambda entry: entry.slot or 0)
                method = FOLLOW
        refused = guarantee.promise([entry for entry in order if entry.is_new], work)
        order = [entry for entry in order if self._is_accepted(entry, refused)]
        if any(entry.is_new and entry.slot == now for entry in order):
            order = rank(order, now, by)
        sketch = self._choose(order, guarantee, room, work, method)
        profile = room.copy()
        placed = [*self._start(sketch, profile)]
        return [*placed, *self._follow(sketch, profile)] if whole else placed

    def _place_batch(
        self, batch: Sequence[Entry], guarantee: Guarantee, room: Profile, *, whole: bool
    ) -> list[Lease]:
        starts = pack(batch, room)
        guarantee.promise_batch(starts)
        for entry, start in starts:
            self.promised[entry.candidate.key] = start if start == self.now else min(entry.slot or start, FURTHEST)
        return [lease_from(entry.candidate, start) for entry, start in starts if whole or start == self.now]

    def _possible(self) -> Iterator[Candidate]:
        for candidate in self.waiting:
            never = too_large(candidate.claims, self.capacity)
            if never:
                self.unplaced[candidate.key] = never
            elif candidate.now_only and (late := self._too_late(candidate, self.now)):
                self.unplaced[candidate.key] = late
            else:
                yield candidate

    def _is_accepted(self, entry: Entry, refused: Mapping[str, int]) -> bool:
        key = entry.candidate.key
        if key in refused:
            self.unplaced[key] = self._too_late(entry.candidate, refused[key])
            return False
        if entry.is_new and entry.slot is not None:
            self.promised[key] = min(entry.slot, FURTHEST)
        return True

    def _too_late(self, candidate: Candidate, start: int) -> tuple[Reason, ...]:
        end = start if candidate.assumed else start + candidate.duration
        if candidate.runs_late or candidate.deadline is None or end <= candidate.deadline:
            return ()
        does = "start" if candidate.assumed else "end"
        text = f"would {does} in {span(end - self.now)}, {span(end - candidate.deadline)} after its deadline"
        return (Reason(DEADLINE, Verdict.DEADLINE, text),)

    def _choose(
        self, order: Sequence[Entry], guarantee: Guarantee, room: Profile, work: float, method: Method
    ) -> Sketch:
        guards, free = self.fields.guards, room.room()
        able = [entry for entry in order if (free - entry.probe) & guards == guards]
        if not able:
            return Sketch(order, {}, ())
        weights = [0.0] * (1 + order[-1].level)
        for entry in order:
            weights[entry.level] += entry.weight
        scene = Scene(
            now=self.now,
            running=room,
            promised=guarantee.levels(self.now + max(entry.duration for entry in able)),
            guards=guards,
            least=self.fields.least(entry.probe for entry in order),
            far=work + FAR,
            weights=weights,
        )
        return self.best(order, scene, method)

    def best(self, order: Sequence[Entry], scene: Scene, method: Method) -> Sketch:
        found = best(order, scene, method)
        if not self.held and not found.starting(self.now):
            return scene.sketch(order, 0)  # Better anybody than nobody.
        return found

    def made(self, placed: Sequence[Lease], room: Profile) -> Plan:
        """`room`: what there is before any of `placed` starts."""
        free = self.fields.amounts(room.room())
        for lease in placed:
            if lease.start == self.now:
                _take(free, lease.claims)
        return Plan(
            now=self.now,
            held=self.held,
            placed=tuple(placed),
            unplaced=self.unplaced,
            promised=self.promised,
            backlog=self.backlog,
            free={name: max(0, amount) for name, amount in free.items()},
        )

    def _start(self, sketch: Sketch, profile: Profile) -> Iterator[Lease]:
        """Those who start now; who may only start now and does not is told why."""
        starting = frozenset(sketch.starting(self.now))
        for index in sorted(starting):
            entry = sketch.order[index]
            profile.reserve(profile.head, entry.duration, entry.need)
            yield lease_from(entry.candidate, self.now)
        free = self.fields.amounts(profile.room())
        for index, entry in enumerate(sketch.order):
            candidate = entry.candidate
            if candidate.now_only and index not in starting:
                self.unplaced[candidate.key] = lacking(candidate.claims, free) or reserved(candidate.claims)

    def _follow(self, sketch: Sketch, profile: Profile) -> Iterator[Lease]:
        """Everybody else, from the next moment on at which anything changes."""
        starting = frozenset(sketch.starting(self.now))
        rest = (entry for index, entry in enumerate(sketch.order) if index not in starting)
        profile.drop_head()
        for entry, start in fill_in_time([entry for entry in rest if not entry.candidate.now_only], profile):
            yield lease_from(entry.candidate, start)


def _is_one_batch(order: Sequence[Entry]) -> bool:
    """All that wait came at once, on the same terms: then they are one piece of work to whoever sent them."""
    first = order[0].candidate
    return all(
        entry.candidate.submitted == first.submitted
        and entry.level == 0
        and entry.is_new == order[0].is_new
        and entry.candidate.deadline is None
        and not entry.candidate.now_only
        for entry in order
    )


def expected_end(lease: Lease, now: int) -> int:
    """An overdue lease is expected to last elapsed²/planned in all (O60): the further over, the longer it goes on,
    though never for more than another year."""
    end = lease.end
    if end <= now:
        elapsed, planned = max(now - lease.start, 1), max(end - lease.start, 1)
        end = max(lease.start + elapsed * elapsed // planned, now + SECOND)
    return min(end, now + LONGEST)


def _as_expected(lease: Lease, now: int) -> Lease:
    if lease.start > now:  # The clock was set back. It is held all the same; for how long already, nobody knows.
        lease = dataclasses.replace(lease, start=now, end=now + lease.end - lease.start)
    end = expected_end(lease, now)
    return lease if lease.end == end else dataclasses.replace(lease, end=end)


def _as_planned(candidate: Candidate) -> Candidate:
    duration = as_planned(candidate.duration)
    return candidate if duration == candidate.duration else dataclasses.replace(candidate, duration=duration)


def as_planned(duration: int) -> int:
    """Nothing takes no time at all: it would start beside what has taken the whole room."""
    return min(max(duration, 1), LONGEST)


def lease_from(candidate: Candidate, start: int) -> Lease:
    return Lease(owner=candidate.key, claims=candidate.claims, start=start, end=start + candidate.duration)


def _take(free: dict[str, int], claims: Claims) -> None:
    for name, amount in claims.items():
        if name in free:  # Of what is not there, nothing was wanted.
            free[name] -= amount
