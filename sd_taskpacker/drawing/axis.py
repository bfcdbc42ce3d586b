# SPDX-License-Identifier: LGPL-2.1-or-later
"""The time axis: which time is shown, where, and under which ticks.

A plan often has a few tasks that end in days among many that end in minutes. One scale for both would leave no room
for what matters, so the axis has a near and a far part. Where the far part is long it has a scale of its own. It is
drawn lighter in any case, for what is planned that far off will change most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.drawing.view import Bar, PlanView
from sd_taskpacker.drawing.words import DAY, HOUR, MINUTE, SECOND, WEEK, moment, short_date

_LEAST: Final = 20 * SECOND
"""Shortest near part."""
_EMPTY: Final = 10 * MINUTE
"""Near part of a plan without tasks."""
_MOST: Final = 20 * 365 * DAY
"""What is further off (a task without an end) is as good as never."""
_MONDAY: Final = 4 * DAY
"""The epoch was a Thursday; weeks begin on Monday."""

_NEAR_TASKS: Final = 0.75
"""The near part ends where this part of the tasks that are drawn one by one has ended."""
_STRETCH: Final = 2.5
"""The far part gets a scale of its own when the whole is this much longer than the near part."""
_NEAR_WIDTH: Final = 0.74
_PAST: Final = 0.12
_MARGIN: Final = 0.025
"""Past that is shown, at most and at least, as a part of the near future."""

STEPS: Final = (
    *(count * SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * HOUR for count in (1, 2, 3, 6, 12)),
    *(count * DAY for count in (1, 2)),
    *(count * WEEK for count in (1, 2, 4, 13, 26, 52, 104, 260, 520)),
)


@dataclass(frozen=True, slots=True)
class Tick:
    """`place` is a part of the width, from 0 to 1."""

    place: float
    label: str
    strong: bool = False
    """A new day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """From `begin` to `end`; the far part begins at `near`, which is at the part `split` of the width."""

    now: int
    begin: int
    near: int
    end: int
    split: float
    east: int = 0
    """How far (usec) local time is ahead of UTC now; ticks are at round local times. That it may change within the
    plan, twice a year, is left out."""

    @property
    def two_scales(self) -> bool:
        return self.near < self.end and self.split == _NEAR_WIDTH

    def place(self, time: int) -> float:
        """Where `time` is, as a part of the width; what is not shown is at the edge."""
        if time <= self.near:
            return max(0.0, (time - self.begin) / (self.near - self.begin)) * self.split
        if time >= self.end:
            return 1.0
        return self.split + (time - self.near) / (self.end - self.near) * (1 - self.split)

    def edges(self, count: int) -> list[int]:
        """The times that cut the width into `count` equal parts, both ends included."""
        return [self._time(index / count) for index in range(count)] + [self.end]

    def ticks(self, room: float) -> Iterator[Tick]:
        """Round local times. `room`: the part of the width that a label needs."""
        last = -room
        for begin, end, width in self._parts():
            step = _step(end - begin, width, room)
            offset = (_MONDAY if step >= WEEK else 0) - self.east
            for time in _multiples(begin, end, step, offset):
                if (place := self.place(time)) - last >= room * 0.9:
                    last = place
                    yield self._tick(time, step)

    def relative_ticks(self, room: float) -> Iterator[Tick]:
        """Round spans from now on, `-5min`, `now`, `+5min`."""
        last = self.place(self.now)
        yield Tick(last, "now", strong=True)
        for begin, end, width in self._parts():
            step = _step(end - begin, width, room)
            for time in _multiples(max(begin, self.now + 1), end, step, self.now):
                if (place := self.place(time)) - last >= room * 0.9:
                    last = place
                    yield Tick(place, f"+{_round_span(time - self.now)}")

    def _time(self, place: float) -> int:
        if place < self.split or self.near == self.end:
            return self.begin + round((self.near - self.begin) * place / self.split)
        return self.near + round((self.end - self.near) * (place - self.split) / (1 - self.split))

    def _parts(self) -> Sequence[tuple[int, int, float]]:
        """(begin, end, width) of each scale."""
        if not self.two_scales:
            return ((self.begin, self.end, 1.0),)
        return (self.begin, self.near, self.split), (self.near, self.end, 1 - self.split)

    def _tick(self, time: int, step: int) -> Tick:
        at = moment(time + self.east)
        midnight = (time + self.east) % DAY == 0
        if midnight and step >= MINUTE:
            return Tick(self.place(time), short_date(time + self.east, self.now + self.east), strong=True)
        return Tick(self.place(time), f"{at:%H:%M:%S}" if step < MINUTE else f"{at:%H:%M}")


def axis_for(view: PlanView, shown: Sequence[Bar], *, east: int = 0) -> TimeAxis:
    """An axis on which every bar can be seen up to its end, those of `shown` best, and something of the past. `east`:
    as in TimeAxis; the service itself draws in UTC, for people anywhere."""
    now = view.now
    last = max((min(bar.end, now + _MOST) for bar in view.bars), default=now + _EMPTY)
    last = max(last, now + _LEAST)
    ends = sorted(bar.end for bar in shown)
    near = ends[round((len(ends) - 1) * _NEAR_TASKS)] if ends else last
    near = min(max(near, now + _LEAST), last)
    two = last - now > _STRETCH * (near - now)
    future = (near if two else last) - now
    past = max((now - bar.start for bar in shown if bar.running), default=0)
    begin = now - int(min(max(past, future * _MARGIN), future * _PAST))
    split = _NEAR_WIDTH if two else (near - begin) / (last - begin)
    return TimeAxis(now=now, begin=begin, near=near, end=last, split=split, east=east)


def _step(span: int, width: float, room: float) -> int:
    """The smallest round step with room for its labels."""
    return next((step for step in STEPS if step / span * width >= room), STEPS[-1])


def _multiples(begin: int, end: int, step: int, offset: int) -> Iterator[int]:
    return iter(range(offset + -(-(begin - offset) // step) * step, end + 1, step))


def _round_span(usec: int) -> str:
    parts, rest = [], usec
    for unit, name in ((WEEK, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts)
