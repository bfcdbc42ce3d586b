# SPDX-License-Identifier: LGPL-2.1-or-later
"""Those who wait, kept between decisions as a decision needs them: by what they want, each kind in the order in which
they came, and by the start that they were promised. What an end makes of it then takes the longer the more kinds
there are, and not the more tasks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sd_taskpacker.model.resource import Claims
from sd_taskpacker.plan.pace import SECOND

AGES_TOGETHER: Final = 8 * SECOND
"""Who came within so long counts as equally old where only a sum is wanted."""


class Want(NamedTuple):
    """What makes tasks equal to a planner. `duration` in usec; None: what is expected of `name`."""

    claims: tuple[tuple[str, int], ...]
    priority: int
    hurried: bool
    """It has a deadline."""
    duration: int | None
    name: str


class Place(NamedTuple):
    """One that waits. `number` grows in the order in which they came."""

    number: int
    submitted: int
    promised: int | None
    key: str
    want: Want


@dataclass(slots=True)
class Kind:
    want: Want
    claims: Claims
    places: OrderedDict[int, Place] = field(default_factory=OrderedDict)
    """By number; the eldest first once `in_order` was called."""
    ages: Counter[int] = field(default_factory=Counter)
    """When they came, in AGES_TOGETHER -> how many."""
    is_sorted: bool = True

    def in_order(self) -> OrderedDict[int, Place]:
        """The eldest first, equals as they came."""
        if not self.is_sorted:
            self.places = OrderedDict(sorted(self.places.items(), key=lambda item: (item[1].submitted, item[0])))
            self.is_sorted = True
        return self.places

    def first(self) -> Place:
        return next(iter(self.in_order().values()))

    def last(self) -> Place:
        return next(reversed(self.in_order().values()))


class Standing:
    def __init__(self) -> None:
        self.kinds: dict[Want, Kind] = {}
        self._places: dict[str, Place] = {}
        self._promised: list[tuple[int, int, str]] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._places)

    @property
    def has_new(self) -> bool:
        """Somebody was not promised anything yet."""
        return len(self._promised) < len(self._places)

    def put(self, key: str, want: Want, *, submitted: int, promised: int | None) -> None:
        """A new one comes last; one that is here already is changed and keeps its place."""
        before = self._places.get(key)
        if before is None:
            number, self._next = self._next, self._next + 1
        else:
            number = before.number
            if before.want == want and before.submitted == submitted:
                self._promise(before, promised)
                self.kinds[want].places[number] = self._places[key] = before._replace(promised=promised)
                return
            self.remove(key)
        kind = self.kinds.get(want)
        if kind is None:
            kind = self.kinds[want] = Kind(want, dict(want.claims))
        elif kind.is_sorted:
            last = kind.last()
            kind.is_sorted = (last.submitted, last.number) < (submitted, number)
        # The kind's own word, so that thousands do not each hold one that says the same.
        place = self._places[key] = Place(number, submitted, promised, key, kind.want)
        self._promise(place._replace(promised=None), promised)
        kind.places[number] = place
        kind.ages[submitted // AGES_TOGETHER] += 1

    def remove(self, key: str) -> None:
        place = self._places.pop(key, None)
        if place is None:
            return
        self._promise(place, None)
        kind = self.kinds[place.want]
        del kind.places[place.number]
        age = place.submitted // AGES_TOGETHER
        kind.ages[age] -= 1
        if not kind.ages[age]:
            del kind.ages[age]
        if not kind.places:
            del self.kinds[place.want]

    def promised_until(self, time: int) -> list[Place]:
        """To whom a start at `time` (usec) or earlier is promised, the earliest first."""
        return [self._places[key] for *_, key in self._promised[: bisect_right(self._promised, (time, self._next))]]

    def promised_after(self, time: int) -> int | None:
        """The next promised start that is later than `time` (usec)."""
        at = bisect_right(self._promised, (time, self._next))
        return self._promised[at][0] if at < len(self._promised) else None

    def by_promise(self) -> Iterator[Place]:
        """The earliest promise first. Nothing may change meanwhile."""
        return (self._places[key] for *_, key in self._promised)

    def _promise(self, place: Place, promised: int | None) -> None:
        """Instead of what was promised to it before."""
        if place.promised is not None:
            entry = (place.promised, place.number, place.key)
            del self._promised[bisect_left(self._promised, entry)]
        if promised is not None:
            insort(self._promised, (promised, place.number, place.key))
