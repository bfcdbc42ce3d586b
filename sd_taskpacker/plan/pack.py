# SPDX-License-Identifier: LGPL-2.1-or-later
"""A batch that comes at once to an empty line: whoever sent it waits for its end, so the plan is to end early.

Longest first is a good beginning. A plan is then pushed to its end and back again (double justification: Valls,
Ballestin and Quintanilla, EJOR 165(2), 2005), and where that finds nothing more, a few places in the order are
exchanged. The number of placements is counted, and small batches get the more attempts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.plan.fill import fill
from sd_taskpacker.plan.profile import Profile
from sd_taskpacker.plan.ranking import Entry

PLACEMENTS: Final = 100_000
"""In all attempts together."""
ATTEMPTS: Final = 2_000
LARGEST: Final = 2_000
"""More than so many are planned once, longest first."""
EXCHANGES: Final = 4
"""At most so many pairs exchange their places for an attempt."""
SETBACKS: Final = 100
"""Attempts in vain, after which it goes back to the best plan."""

Starts = list[tuple[Entry, int]]


def pack(batch: Sequence[Entry], empty: Profile) -> Starts:
    """Each one with its start; `empty` is what they have to share."""
    longest = sorted(batch, key=lambda entry: (-entry.duration, -entry.share))
    if len(batch) > LARGEST:
        return list(fill(longest, empty.copy()))
    bench = _Bench(batch, empty)
    return bench.best(longest, attempts=min(ATTEMPTS, PLACEMENTS // (3 * len(batch))))


@dataclass(frozen=True, slots=True)
class _Packing:
    starts: Starts
    end: int
    overhang: int
    """Work after the time at which all could be over at the earliest: of equal ends the one with less is nearer to a
    better one."""

    def is_better_than(self, other: _Packing) -> bool:
        return (self.end, self.overhang) < (other.end, other.overhang)

    @property
    def by_start(self) -> list[Entry]:
        return [entry for entry, _ in sorted(self.starts, key=lambda placed: placed[1])]


class _Bench:
    def __init__(self, batch: Sequence[Entry], empty: Profile) -> None:
        self._empty = empty
        self._bare = empty.without_steps()
        self._now = empty.time(empty.head)
        self._goal = self._now + int(sum(entry.duration * entry.share for entry in batch))

    def best(self, longest: list[Entry], attempts: int) -> Starts:
        orders = (
            longest,
            sorted(longest, key=lambda entry: -entry.duration * entry.share),
            sorted(longest, key=lambda entry: -entry.share),
        )
        best = min((self._pushed(self._packed(order)) for order in orders), key=_figures)
        current, setbacks = best, 0
        chance = _numbers()
        for _ in range(attempts):
            if best.end <= self._goal:
                break
            order = current.by_start
            for _ in range(1 + next(chance) % EXCHANGES):
                one, other = next(chance) % len(order), next(chance) % len(order)
                order[one], order[other] = order[other], order[one]
            tried = self._pushed(self._packed(order), once=True)
            if not current.is_better_than(tried):
                current = tried
            if tried.is_better_than(best):
                best, setbacks = tried, 0
            elif (setbacks := setbacks + 1) > SETBACKS:
                current, setbacks = best, 0
        return best.starts

    def _pushed(self, packing: _Packing, *, once: bool = False) -> _Packing:
        """To its end, each as late as possible, and back again, as often as that helps. The plan that is pushed to
        its end is a plan of time that runs backwards, in which nothing runs yet."""
        while True:
            late_first = [entry for entry, _ in sorted(packing.starts, key=_end, reverse=True)]
            backwards = list(fill(late_first, self._bare.copy()))
            order = [entry for entry, _ in sorted(backwards, key=_end, reverse=True)]
            pushed = self._packed(order)
            if not pushed.is_better_than(packing):
                return packing
            packing = pushed
            if once:
                return packing

    def _packed(self, order: Sequence[Entry]) -> _Packing:
        starts = list(fill(order, self._empty.copy()))
        ends = [(_end(placed), placed[0].share) for placed in starts]
        overhang = sum(share * max(0, end - self._goal) for end, share in ends)
        return _Packing(starts, max(end for end, _ in ends), int(overhang))


def _end(placed: tuple[Entry, int]) -> int:
    return placed[1] + placed[0].duration


def _figures(packing: _Packing) -> tuple[int, int]:
    return packing.end, packing.overhang


def _numbers() -> Iterator[int]:
    """Without order and always the same ones, as the same snapshot is to give the same plan: a linear congruential
    generator (Knuth, TAOCP 2, 3.3.4, table 1), of which the lower half is not random enough."""
    number = 1
    while True:
        number = (number * 6364136223846793005 + 1) % (1 << 64)
        yield number >> 32
