# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much is in use over time, and by what: bars added up into steps that a drawing has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sd_taskpacker.drawing.axis import TimeAxis
from sd_taskpacker.drawing.view import Bar
from sd_taskpacker.model.unit import Kind


class Look(IntEnum):
    """What people tell apart, from the bottom of the stack to its top."""

    WORKORDER = 0
    BATCH = 1
    OVERDUE = 2
    PLANNED = 3


@dataclass(frozen=True, slots=True)
class Step:
    """From `start` to `end` so much is in use, for each look."""

    start: int
    end: int
    amounts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.amounts)


def look(bar: Bar) -> Look:
    if not bar.running:
        return Look.PLANNED
    if bar.overdue:
        return Look.OVERDUE
    return Look.WORKORDER if bar.kind is Kind.WORKORDER else Look.BATCH


def steps(bars: Iterable[Bar], amount: Callable[[Bar], int], axis: TimeAxis, columns: int) -> list[Step]:
    """From now to the end of `axis`: the exact steps, or those of `sampled` when there are more than `columns`.

    There is no past, for what was in use then has ended and is not known here.
    """
    exact = list(_exact(bars, amount, axis))
    return exact if len(exact) <= columns else list(_merged(exact, _edges(axis, columns)))


def sampled(bars: Iterable[Bar], amount: Callable[[Bar], int], axis: TimeAxis, columns: int) -> list[Step]:
    """One step for each of the last of `columns` equal columns, from the one in which now is.

    Of several steps in one column the fullest is shown: so a short time above the budget is never lost.
    """
    return list(_merged(list(_exact(bars, amount, axis)), _edges(axis, columns)))


def _edges(axis: TimeAxis, columns: int) -> list[int]:
    return [axis.now, *(edge for edge in axis.edges(columns) if edge > axis.now)]


def _exact(bars: Iterable[Bar], amount: Callable[[Bar], int], axis: TimeAxis) -> Iterator[Step]:
    changes: dict[int, list[int]] = {axis.now: [0] * len(Look), axis.end: [0] * len(Look)}
    for bar in bars:
        start, end, size, kind = max(bar.start, axis.now), min(bar.end, axis.end), amount(bar), look(bar)
        if size and start < end:
            for time, change in ((start, size), (end, -size)):
                if time not in changes:
                    changes[time] = [0] * len(Look)
                changes[time][kind] += change
    times = sorted(changes)
    level = [0] * len(Look)
    for time, following in zip(times, times[1:], strict=False):
        level = [before + change for before, change in zip(level, changes[time], strict=True)]
        yield Step(time, following, tuple(level))


def _merged(exact: Sequence[Step], edges: Sequence[int]) -> Iterator[Step]:
    first = 0
    for start, end in zip(edges, edges[1:], strict=False):
        while exact[first].end <= start:
            first += 1
        fullest, index = exact[first], first
        while index < len(exact) and exact[index].start < end:
            fullest = max(fullest, exact[index], key=lambda step: step.total)
            index += 1
        if start < end:
            yield Step(start, end, fullest.amounts)
