# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lanes and bars of the plan, made of blocks where the terminal has them, in colours where it has those.

What a cell means is told by its colour, and without colours by its shade, or in ASCII by its letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sd_taskpacker.cli.canvas import Line, Span, Style, columns_of
from sd_taskpacker.drawing.axis import TimeAxis
from sd_taskpacker.drawing.stack import Look, Step, look, sampled
from sd_taskpacker.drawing.view import Bar
from sd_taskpacker.drawing.words import remark

_STYLES: Final = {
    Look.WORKORDER: Style.WORKORDER,
    Look.BATCH: Style.BATCH,
    Look.OVERDUE: Style.OVERDUE,
    Look.PLANNED: Style.PLANNED,
}
_ASCII: Final = {Look.WORKORDER: "W", Look.BATCH: "#", Look.OVERDUE: "%", Look.PLANNED: "-"}
_SHADES: Final = {Look.WORKORDER: "▓", Look.BATCH: "█", Look.OVERDUE: "▒", Look.PLANNED: "░"}
_FULL: Final = "█"
_UPWARDS: Final = " ▁▂▃▄▅▆▇"
"""Eighths of a cell, from its bottom."""
_RIGHTWARDS: Final = " ▏▎▍▌▋▊▉"
_GAP: Final = 3
"""Blanks after an entry of the legend, which may hang over the edge."""
_MOST_ABOVE: Final = 3
"""Lines above the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brush:
    """What the terminal can show."""

    unicode: bool
    color: bool

    @property
    def solid(self) -> bool:
        """Every look is a full block in its own colour, so that parts of a cell can be drawn."""
        return self.unicode and self.color

    def fill(self, what: Look) -> Span:
        if self.solid:
            return Span(_FULL, _STYLES[what])
        return Span((_SHADES if self.unicode else _ASCII)[what], _STYLES[what])

    @property
    def above(self) -> Span:
        return Span("█" if self.solid else "X", Style.BAD)

    @property
    def now(self) -> Span:
        return Span("│" if self.unicode else "|", Style.FAINT)

    @property
    def split(self) -> Span:
        return Span("┊" if self.unicode else ":", Style.FAINT)

    @property
    def latest(self) -> Span:
        return Span("▷" if self.unicode else ">", Style.NOTICE)

    @property
    def deadline(self) -> Span:
        return Span("◆" if self.unicode else "D", Style.BAD)

    def legend(self, columns: int) -> Iterator[Line]:
        """As many lines as it takes."""
        looks = (
            (Look.BATCH, "batch"),
            (Look.WORKORDER, "workorder"),
            (Look.OVERDUE, "overdue"),
            (Look.PLANNED, "planned"),
        )
        marks = [(self.fill(what), word) for what, word in looks]
        marks += [(self.above, "above the budget"), (self.latest, "latest start"), (self.deadline, "deadline")]
        shown: Line = ()
        for mark, word in marks:
            entry = (mark, Span(f" {word}   "))
            if shown and columns_of(shown + entry) > columns + _GAP:
                yield shown
                shown = ()
            shown += entry
        yield shown


def lane(
    bars: Sequence[Bar],
    amount: Callable[[Bar], int],
    budget: int,
    axis: TimeAxis,
    columns: int,
    brush: Brush,
    *,
    levels: int,
) -> Iterator[tuple[bool, Line]]:
    """Lines from the top to the bottom, `levels` of them for the budget, and of each whether it is within it."""
    shown = sampled(bars, amount, axis, columns)
    peak = max(step.total for step in shown)
    level = max(budget / levels, peak / 1000) or 1.0
    past = [Span(" " * (columns - len(shown)))]
    above = min(_MOST_ABOVE, -int(-(peak - budget) // level)) if peak > budget else 0
    for row in reversed(range(above)):
        low = budget + row * level
        yield False, joined([*past, *(brush.above if step.total > low else Span(" ") for step in shown)])
    for row in reversed(range(levels)):
        yield True, joined([*past, *(_cell(step, row * level, level, brush) for step in shown)])


def _cell(step: Step, low: float, level: float, brush: Brush) -> Span:
    """What fills the middle of the cell, or what is on top where the stack ends below it."""
    if step.total <= low:
        return Span(" ")
    middle, reached, found = low + level / 2, 0, Look.WORKORDER
    for which in Look:
        if step.amounts[which]:
            reached, found = reached + step.amounts[which], which
            if reached >= middle:
                break
    filled = brush.fill(found)
    eighths = int((step.total - low) / level * 8)
    if brush.solid and eighths < 8:
        return Span(_UPWARDS[max(1, eighths)], filled.style)
    return filled


def bar_line(bar: Bar, axis: TimeAxis, columns: int, brush: Brush) -> Line:
    """The bar with its marks, and in words what is unusual about it."""
    cells = [Span(" ")] * columns
    if axis.two_scales:
        cells[min(columns - 1, int(axis.split * columns))] = brush.split
    cells[_column(axis.now, axis, columns)] = brush.now
    end = max(bar.end, axis.now) if bar.running else bar.end
    first, last = _column(bar.start, axis, columns), _column(end, axis, columns)
    filled = brush.fill(look(bar))
    stop = max(last, first + 1)
    cells[first:stop] = [filled] * (stop - first)
    if brush.solid and last > first and (eighths := int(axis.place(end) * columns % 1 * 8)):
        cells[last] = Span(_RIGHTWARDS[eighths], filled.style)
    if bar.latest is not None and not bar.running and (latest := _column(bar.latest, axis, columns)) > first:
        cells[latest] = brush.latest
    if bar.deadline is not None and axis.begin <= bar.deadline <= axis.end:
        cells[_column(bar.deadline, axis, columns)] = brush.deadline
    if note := remark(bar):
        _write(cells, f" {note} ", last + 1, first, Style.BAD if bar.late else Style.OVERDUE)
    return joined(cells)


def joined(cells: Sequence[Span]) -> Line:
    """Neighbours of one style as one span."""
    return tuple(
        Span("".join(cell.text for cell in group), style)
        for style, group in groupby(cells, key=lambda cell: cell.style)
    )


def _write(cells: list[Span], text: str, after: int, before: int, style: Style) -> None:
    """Behind the bar, or before it, or over the end of the line; not at all where it would hide everything."""
    if len(text) > len(cells):
        return
    start = after
    if start + len(text) > len(cells):
        start = before - len(text) if before >= len(text) else len(cells) - len(text)
    cells[start : start + len(text)] = [Span(char, style) for char in text]


def _column(time: int, axis: TimeAxis, columns: int) -> int:
    return min(columns - 1, int(axis.place(time) * columns))
