# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan as a chart that fills the terminal: memory and CPUs over time, and a bar for each task. Draws nothing
itself; for files there is `drawing.as_text`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
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
_ROOMY: Final = 32
"""Rows of a terminal from which on there are blank lines, and lanes of full height."""
_LEAST_TASKS: Final = (8, 4, 2)
"""Lanes lose height before there are fewer, and then again."""
_LOWEST: Final = 2


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Height:
    """How the rows are given away: to each lane, and to tasks."""

    levels: int
    tasks: int
    unplaced: int
    gap: tuple[Line, ...]
    """What stands between the parts."""


def chart(view: PlanView, columns: int, rows: int, brush: Brush) -> list[Line]:
    """As wide as the terminal, and no higher than leaves a row for the shell, where that can be."""
    layout = Layout.of(max(13, columns))
    roomy = rows >= _ROOMY
    height = Height(
        levels=6 if roomy else 3,
        tasks=max(rows, _LEAST_TASKS[0]),
        unplaced=_UNPLACED if roomy else max(2, rows // 8),
        gap=(line(""),) if roomy else (),
    )
    lines = list(_chart(view, layout, height, brush))
    # Drawn again only where it may fit: of many tasks each drawing takes a while.
    for least, levels in product(_LEAST_TASKS, range(height.levels, _LOWEST - 1, -1)):
        while (over := len(lines) - rows + 1) > 0:
            tasks = min(height.tasks, len(view.bars)) - over + 2 * (height.levels - levels)
            if tasks < least:
                break
            height = replace(height, levels=levels, tasks=tasks)
            lines = list(_chart(view, layout, height, brush))
    return [clipped(each, columns) for each in lines]


def _chart(view: PlanView, layout: Layout, height: Height, brush: Brush) -> Iterator[Line]:
    yield line(Span(f"Plan at {timestamp(view.now)}", Style.STRONG))
    yield from (line(text) for text in textwrap.wrap(f"{summary(view)}.", layout.columns))
    if view.bars:
        yield from height.gap
        yield from _plan(view, layout, height, brush)
    else:
        yield line("")
        yield line(f"Memory: {memory(view.chunks)} free")
        yield line(f"CPUs:   {view.cpus:,} free")
    yield from _without_place(view.unplaced, layout, height, brush)


def _plan(view: PlanView, layout: Layout, height: Height, brush: Brush) -> Iterator[Line]:
    chosen = choose(view, height.tasks)
    here = local(view.now)
    east = here.utcoffset() or timedelta()
    axis = axis_for(view, [*chosen.running, *chosen.waiting], east=east // timedelta(microseconds=1))
    for name, text in zip((f"{here:%Z}", "from now"), tick_lines(axis, layout.plot), strict=True):
        yield line(Span(fitted(name, layout.left - 1, right=True), Style.FAINT), " ", text)
    chunks, cpus = used(view)
    yield from _lane(view, "Memory", view.chunks, chunks, _chunks, memory, axis, layout, brush, height.levels)
    yield from height.gap
    yield from _lane(view, "CPUs", view.cpus, cpus, _cpus, "{:,}".format, axis, layout, brush, height.levels)
    for name, bars, rest in (
        ("Running", chosen.running, chosen.running_rest),
        ("Next", chosen.waiting, chosen.waiting_rest),
    ):
        if bars:
            yield from height.gap
            yield _title(f"{name}: {len(bars) + len(rest):,}", layout)
            yield from (_task(bar, view.now, axis, layout, brush) for bar in bars)
        if rest:
            yield line(f"and {counted(len(rest), 'task')} more")
    yield from height.gap
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


def _without_place(unplaced: Sequence[Unplaced], layout: Layout, height: Height, brush: Brush) -> Iterator[Line]:
    if unplaced:
        yield from height.gap
        yield line(Span(f"Without a place: {len(unplaced):,}", Style.STRONG))
    mark = "…" if brush.unicode else ".."
    room = max(10, layout.columns - layout.name - 1)
    for one in unplaced[: height.unplaced]:
        reasons = "; ".join(map(safe, one.reasons[:_REASONS]))
        name = fitted(safe(one.label), layout.name, mark=mark)
        for text in textwrap.wrap(reasons, room) or [""]:
            yield line(f"{name} {text}")
            name = " " * layout.name
    if len(unplaced) > height.unplaced:
        yield line(f"and {counted(len(unplaced) - height.unplaced, 'task')} more")
