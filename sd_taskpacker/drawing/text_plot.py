# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lanes and bars made of letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from sd_taskpacker.drawing.axis import Tick, TimeAxis
from sd_taskpacker.drawing.stack import Look, Step, look, sampled
from sd_taskpacker.drawing.view import Bar
from sd_taskpacker.drawing.words import remark
from sd_taskpacker.model.unit import Kind

LEGEND: Final = "# batch   W workorder   % overdue   - planned   X above the budget   > latest start   D deadline"

_MARKS: Final = {Look.WORKORDER: "W", Look.BATCH: "#", Look.OVERDUE: "%", Look.PLANNED: "-"}
_PLANNED_WORKORDER: Final = "w"
_ABOVE: Final = "X"
_LEVELS: Final = 6
"""Lines for the whole budget."""
_MOST_ABOVE: Final = 3


def lane(
    bars: Sequence[Bar], amount: Callable[[Bar], int], budget: int, axis: TimeAxis, columns: int
) -> Iterator[tuple[bool, str]]:
    """Lines from the top to the bottom, and of each whether it is within the budget."""
    shown = sampled(bars, amount, axis, columns)
    peak = max(step.total for step in shown)
    level = max(budget / _LEVELS, peak / 1000) or 1.0
    past = " " * (columns - len(shown))
    above = min(_MOST_ABOVE, -int(-(peak - budget) // level)) if peak > budget else 0
    for row in reversed(range(above)):
        yield False, past + "".join(_ABOVE if step.total > budget + row * level else " " for step in shown)
    for row in reversed(range(_LEVELS)):
        yield True, past + "".join(_cell(step, row * level, level) for step in shown)


def _cell(step: Step, low: float, level: float) -> str:
    """What fills the middle of the cell, or what is on top where the stack ends below it."""
    if step.total <= low:
        return " "
    middle, reached, mark = low + level / 2, 0, " "
    for which in Look:
        if step.amounts[which]:
            reached, mark = reached + step.amounts[which], _MARKS[which]
            if reached >= middle:
                break
    return mark


def bar_line(bar: Bar, axis: TimeAxis, columns: int) -> str:
    """The bar with its marks, and in words what is unusual about it."""
    cells = _empty(axis, columns)
    end = max(bar.end, axis.now) if bar.running else bar.end
    first, last = _column(bar.start, axis, columns), _column(end, axis, columns)
    mark = _PLANNED_WORKORDER if bar.kind is Kind.WORKORDER and not bar.running else _MARKS[look(bar)]
    cells[first : max(last, first + 1)] = mark * max(1, last - first)
    if bar.latest is not None and not bar.running and (latest := _column(bar.latest, axis, columns)) > first:
        cells[latest] = ">"
    if bar.deadline is not None and axis.begin <= bar.deadline <= axis.end:
        cells[_column(bar.deadline, axis, columns)] = "D"
    if note := remark(bar):
        _write(cells, f" {note} ", last + 1, first)
    return "".join(cells)


def tick_lines(axis: TimeAxis, columns: int) -> tuple[str, str]:
    """Times of the axis's zone, and spans from now; each label begins at its time."""
    return _labels(axis.ticks(9 / columns), columns), _labels(axis.relative_ticks(9 / columns), columns)


def _labels(ticks: Iterable[Tick], columns: int) -> str:
    line = ""
    for tick in ticks:
        column = int(tick.place * columns)
        if len(line) <= column and column + len(tick.label) < columns:
            line = f"{line:<{column}}|{tick.label}"
    return line


def _write(cells: list[str], text: str, after: int, before: int) -> None:
    """Behind the bar, or before it, or over the end of the line."""
    start = after
    if start + len(text) > len(cells):
        start = before - len(text) if before >= len(text) else len(cells) - len(text)
    cells[start : start + len(text)] = text


def _empty(axis: TimeAxis, columns: int) -> list[str]:
    cells = [" "] * columns
    if axis.two_scales:
        cells[int(axis.split * columns)] = ":"
    cells[_column(axis.now, axis, columns)] = "|"
    return cells


def _column(time: int, axis: TimeAxis, columns: int) -> int:
    return min(columns - 1, int(axis.place(time) * columns))
