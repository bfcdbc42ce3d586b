# SPDX-License-Identifier: LGPL-2.1-or-later
"""An order of those who wait that is drawn up only as far as anybody looks: of a hundred thousand, mostly the first
few. Who comes where is the same as if all of it were there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Final, overload

from sd_taskpacker.plan.ranking import Entry

TOGETHER: Final = 8
"""So many are drawn at a time: often nobody looks further than at the first few."""


class Order(Sequence[Entry]):
    """`entries` come by their level, within it those that are ahead first. `sizes`: for each level, how many are
    ahead and how many are not; only needed where `entries` is no list."""

    def __init__(self, entries: Iterable[Entry], sizes: Sequence[tuple[int, int]] = ()) -> None:
        self._is_whole = isinstance(entries, Sequence)
        self._drawn: list[Entry] = []
        if self._is_whole:
            self._drawn = entries if isinstance(entries, list) else list(entries)
        self._rest = iter(()) if self._is_whole else iter(entries)
        self._sizes = sizes
        self._ends = [*accumulate((number for pair in sizes for number in pair), initial=0)]
        self._length = len(self._drawn) if self._is_whole else self._ends[-1]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if not self._is_whole:
            last = index.stop if isinstance(index, slice) else index + 1
            self._drawn.extend(islice(self._rest, max(0, last - len(self._drawn))))
        return self._drawn[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._drawn) if self._is_whole else self._draw()

    def _draw(self) -> Iterator[Entry]:
        index = 0
        while True:
            if index == len(self._drawn):
                self._drawn.extend(islice(self._rest, TOGETHER))
            if index == len(self._drawn):
                return
            yield self._drawn[index]
            index += 1

    def first(self, level: int) -> int:
        """Index of the first one of that level that is not ahead."""
        return self._ends[2 * level + 1] if self._sizes else bisect_left(self, (level, True), key=_place)

    def end(self, level: int) -> int:
        """Index after the last one of that level."""
        return self._ends[2 * level + 2] if self._sizes else bisect_right(self, (level, True), key=_place)

    def moved(self, index: int, to: int) -> Order:
        """With one of them elsewhere in its part of its level."""
        if self._is_whole:
            moved = list(self._drawn)
            moved.insert(to, moved.pop(index))
            return Order(moved, self._sizes)
        entry = self[index]
        return Order(self._with(entry, index, to), self._sizes)

    def _with(self, entry: Entry, index: int, to: int) -> Iterator[Entry]:
        place = 0
        for number, each in enumerate(self):
            if number == index:
                continue
            if place == to:
                yield entry
                place += 1
            yield each
            place += 1
        if place == to:
            yield entry

    def preferring(self, some: Iterable[int]) -> Order:
        """Each part with those indices first, in their order."""
        wanted = sorted(some)
        if not self._sizes:
            now = frozenset(wanted)
            places = sorted(range(len(self)), key=lambda index: (*_place(self[index]), index not in now))
            return Order([self[index] for index in places])
        return Order(self._preferring(wanted), self._sizes)

    def _preferring(self, wanted: Sequence[int]) -> Iterator[Entry]:
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            mine = [index for index in wanted if begin <= index < end]
            yield from (self[index] for index in mine)
            chosen = frozenset(mine)
            for index in range(begin, end):
                if index not in chosen:
                    yield self[index]


def levels_of(priorities: Iterable[int]) -> Mapping[int, int]:
    """Priority -> level; 0 is the highest one."""
    return {priority: level for level, priority in enumerate(sorted(set(priorities), reverse=True))}


def _place(entry: Entry) -> tuple[int, bool]:
    return entry.level, not entry.ahead
