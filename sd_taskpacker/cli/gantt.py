# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan as a chart that fills the terminal: memory and CPUs over time, and a bar for each task. Draws nothing
itself; for files there is `drawing.as_text`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sd_taskpacker.cli.canvas import Line, Span, Style, clipped, fitted, line, safe
from sd_taskpacker.cli.lanes import Brush, bar_line, lane
from sd_taskpacker.cli.text import local, timestamp
from sd_taskpacker.drawing.axis import TimeAxis, axis_for
from sd_taskpacker.drawing.choice import choose
from sd_taskpacker.drawing.text_plot import tick_lines
from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.drawing.words import counted, memory, relative, summary, used

_SIZES: Final = 12
"""Columns of ` 1.5G   4  ` (memory and CPUs), where there is room for them."""
_TIMES: Final = 30
"""Columns of when it starts and ends, in words."""
_REASONS: Final = 4
_UNPLACED: Final = 20
_AROUND: Final = 17
"""Lines that are neither lane nor task, and that of the shell's next prompt."""
_LEAST_TASKS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the columns of the terminal are given away: the name, amounts, times, and the rest to the chart."""

    columns: int
    name: int
    sizes: bool
    times: bool

    @classmethod
    def of(cls, columns: int) -> Layout:
        sizes, times = columns >= 60, columns >= 130
        name = min(44, max(8, columns // 5 if columns >= 80 else columns // 3))
        return cls(columns=columns, name=name, sizes=sizes, times=times)

    @property
    def left(self) -> int:
        return self.name + self.sizes * _SIZES + self.times * _TIMES + 1

    @property
    def plot(self) -> int:
        return max(4, self.columns - self.left)


def chart(view: PlanView, columns: int, rows: int, brush: Brush) -> list[Line]:
    """As wide as the terminal, and as high where its tasks are more than fit."""
    layout = Layout.of(max(13, columns))
    return [clipped(each, columns) for each in _chart(view, layout, rows, brush)]


def _chart(view: PlanView, layout: Layout, rows: int, brush: Brush) -> Iterator[Line]:
    yield line(Span(f"Plan at {timestamp(view.now)}", Style.STRONG))
    yield from (line(text) for text in textwrap.wrap(f"{summary(view)}.", layout.columns))
    yield line("")
    if view.bars:
        yield from _plan(view, layout, rows, brush)
    else:
        yield line(f"Memory: {memory(view.chunks)} free")
        yield line(f"CPUs:   {view.cpus:,} free")
    yield from _without_place(view.unplaced, layout, brush)


def _plan(view: PlanView, layout: Layout, rows: int, brush: Brush) -> Iterator[Line]:
    levels = 3 if rows < 32 else 6
    fixed = 2 * levels + _AROUND + min(_UNPLACED, len(view.unplaced)) + 2 * bool(view.unplaced)
    chosen = choose(view, max(_LEAST_TASKS, rows - fixed))
    here = local(view.now)
    east = here.utcoffset() or timedelta()
    axis = axis_for(view, [*chosen.running, *chosen.waiting], east=east // timedelta(microseconds=1))
    for name, text in zip((f"{here:%Z}", "from now"), tick_lines(axis, layout.plot), strict=True):
        yield line(Span(fitted(name, layout.left - 1, right=True), Style.FAINT), " ", text)
    chunks, cpus = used(view)
    yield from _lane(view, "Memory", view.chunks, chunks, _chunks, memory, axis, layout, brush, levels)
    yield line("")
    yield from _lane(view, "CPUs", view.cpus, cpus, _cpus, "{:,}".format, axis, layout, brush, levels)
    for name, bars, rest in (
        ("Running", chosen.running, chosen.running_rest),
        ("Next", chosen.waiting, chosen.waiting_rest),
    ):
        if bars:
            yield line("")
            yield _title(f"{name}: {len(bars) + len(rest):,}", layout)
            yield from (_task(bar, view.now, axis, layout, brush) for bar in bars)
        if rest:
            yield line(f"and {counted(len(rest), 'task')} more")
    yield line("")
    yield from brush.legend(layout.columns)


def _chunks(bar: Bar) -> int:
    return bar.chunks


def _cpus(bar: Bar) -> int:
    return bar.cpus


def _lane(
    view: PlanView,
    name: str,
    budget: int,
    used: int,
    amount: Callable[[Bar], int],
    say: Callable[[int], str],
    axis: TimeAxis,
    layout: Layout,
    brush: Brush,
    levels: int,
) -> Iterator[Line]:
    drawn = list(lane(view.bars, amount, budget, axis, layout.plot, brush, levels=levels))
    top = sum(not within for within, _ in drawn)
    notes = {top: f"{name} {say(budget)}", top + 1: f"{say(used)} in use"}
    if top:
        notes[0] = "above the budget"
    for index, (within, cells) in enumerate(drawn):
        style = Style.STRONG if index == top else Style.PLAIN if within else Style.BAD
        yield line(Span(fitted(notes.get(index, ""), layout.left - 1), style), " ", *cells)


def _title(name: str, layout: Layout) -> Line:
    sizes = f"  {'mem':>5} {'CPU':>4}" if layout.sizes else ""
    times = f"{'starts':>15}{'ends':>15}" if layout.times else ""
    return line(Span(f"{fitted(name, layout.name)}{sizes}{times}", Style.STRONG))


def _task(bar: Bar, now: int, axis: TimeAxis, layout: Layout, brush: Brush) -> Line:
    mark = "…" if brush.unicode else ".."
    sizes = f"  {memory(bar.chunks):>5} {bar.cpus:>4}" if layout.sizes else ""
    times = ""
    if layout.times:
        starts = "runs" if bar.running else relative(max(bar.start, now), now)
        times = f"{starts:>15}{'overdue' if bar.overdue else relative(max(bar.end, now), now):>15}"
    name = fitted(safe(bar.label), layout.name, mark=mark)
    return line(f"{name}{sizes}{times} ", *bar_line(bar, axis, layout.plot, brush))


def _without_place(unplaced: Sequence[Unplaced], layout: Layout, brush: Brush) -> Iterator[Line]:
    if unplaced:
        yield line("")
        yield line(Span(f"Without a place: {len(unplaced):,}", Style.STRONG))
    mark = "…" if brush.unicode else ".."
    room = max(10, layout.columns - layout.name - 1)
    for one in unplaced[:_UNPLACED]:
        reasons = "; ".join(map(safe, one.reasons[:_REASONS]))
        name = fitted(safe(one.label), layout.name, mark=mark)
        for text in textwrap.wrap(reasons, room) or [""]:
            yield line(f"{name} {text}")
            name = " " * layout.name
    if len(unplaced) > _UNPLACED:
        yield line(f"and {counted(len(unplaced) - _UNPLACED, 'task')} more")
