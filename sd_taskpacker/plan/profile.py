# SPDX-License-Identifier: LGPL-2.1-or-later
"""Free capacity over time: one step function for all resources.

Between two neighbouring times everything is constant; a lease that ends at t and one that starts at t do not
meet. Capacity may be below zero where workorders overcommit; what claims nothing of a resource does not mind.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from sd_taskpacker.model.resource import Claims, Lease, Resource


class Profile:
    """Begins at `now`. The leases given here are held: each has begun and ends after `now`."""

    def __init__(self, now: int, resources: Iterable[Resource], held: Iterable[Lease] = ()) -> None:
        free = {resource.name: resource.capacity for resource in resources}
        by_end = sorted(held, key=lambda lease: lease.end)
        for lease in by_end:
            _add(free, lease.claims, -1)
        self._times = [now]
        self._free = [free]
        for lease in by_end:
            if lease.end > self._times[-1]:
                self._times.append(lease.end)
                self._free.append(dict(self._free[-1]))
            _add(self._free[-1], lease.claims, 1)

    def at(self, time: int) -> Claims:
        """What is free at `time`, which is not before the profile's beginning."""
        return self._free[bisect_right(self._times, time) - 1]

    def reserve(self, claims: Claims, start: int, end: int) -> None:
        """Takes the claims from `start` up to, but not including, `end`. Does not ask whether they fit."""
        first, last = self._cut(start), self._cut(end)
        for free in self._free[first:last]:
            _add(free, claims, -1)

    def fits(self, claims: Claims, start: int, duration: int) -> bool:
        """Whether all claims fit at every instant of the duration."""
        return self._blocked(claims, start, start + duration) is None

    def earliest(self, claims: Claims, duration: int, not_before: int) -> int | None:
        """The first time at which all claims fit for the whole duration; None when they never will.

        osstest's search (O61): a step that blocks moves the candidate to that step's end.
        """
        start = not_before
        while (blocked := self._blocked(claims, start, start + duration)) is not None:
            if blocked + 1 == len(self._times):
                return None
            start = self._times[blocked + 1]
        return start

    def _blocked(self, claims: Claims, start: int, end: int) -> int | None:
        """The last step in [start, end) in which a claim does not fit."""
        first = bisect_right(self._times, start) - 1
        last = max(bisect_left(self._times, end), first + 1)
        for step in range(last - 1, first - 1, -1):
            free = self._free[step]
            if any(amount > 0 and amount > free.get(name, 0) for name, amount in claims.items()):
                return step
        return None

    def _cut(self, time: int) -> int:
        """The index of the step that begins at `time`, made when there is none."""
        index = bisect_left(self._times, time)
        if index == len(self._times) or (index > 0 and self._times[index] != time):
            self._times.insert(index, time)
            self._free.insert(index, dict(self._free[index - 1]))
        return index


def _add(free: dict[str, int], claims: Claims, sign: int) -> None:
    for name, amount in claims.items():
        free[name] = free.get(name, 0) + sign * amount
