# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan for a terminal: ASCII, at most 100 columns, no escape sequences."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sd_taskpacker.drawing.axis import TimeAxis, axis_for
from sd_taskpacker.drawing.choice import choose
from sd_taskpacker.drawing.escape import ascii_only, brief, shorten
from sd_taskpacker.drawing.text_plot import LEGEND, bar_line, lane, tick_lines
from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.drawing.words import counted, memory, stamp, summary, used

WIDTH: Final = 100
_NAME: Final = 28
_LEFT: Final = _NAME + 12
"""Names and amounts; from there on it is the time axis."""
_PLOT: Final = WIDTH - _LEFT
_ROWS: Final = 40
_UNPLACED: Final = 20
_REASONS: Final = 4
_LONG: Final = 300
"""Characters of a reason."""


def render(view: PlanView) -> str:
    lines = [f"Plan at {stamp(view.now)}", *textwrap.wrap(f"{summary(view)}.", WIDTH), ""]
    lines += _plan(view) if view.bars else [_free("Memory", view.chunks, memory), _free("CPUs", view.cpus, str)]
    lines += _without_place(view.unplaced)
    return "\n".join(line[:WIDTH].rstrip() for line in lines).rstrip() + "\n"


def _plan(view: PlanView) -> Iterator[str]:
    chosen = choose(view, _ROWS)
    axis = axis_for(view, [*chosen.running, *chosen.waiting])
    yield LEGEND
    yield ""
    for name, line in zip(("UTC", "from now"), tick_lines(axis, _PLOT), strict=True):
        yield f"{name:>{_LEFT - 1}} {line}"
    chunks, cpus = used(view)
    yield from _lane(view, "Memory", view.chunks, chunks, lambda bar: bar.chunks, memory, axis)
    yield ""
    yield from _lane(view, "CPUs", view.cpus, cpus, lambda bar: bar.cpus, "{:,}".format, axis)
    for name, bars, rest in (
        ("Running", chosen.running, chosen.running_rest),
        ("Next", chosen.waiting, chosen.waiting_rest),
    ):
        if bars:
            yield ""
            yield _row(f"{name}: {len(bars) + len(rest):,}", "mem", "CPU", "")
            yield from (_task(bar, axis) for bar in bars)
        if rest:
            yield f"and {counted(len(rest), 'task')} more"


def _lane(
    view: PlanView,
    name: str,
    budget: int,
    used: int,
    amount: Callable[[Bar], int],
    say: Callable[[int], str],
    axis: TimeAxis,
) -> Iterator[str]:
    lines = list(lane(view.bars, amount, budget, axis, _PLOT))
    top = sum(not within for within, _ in lines)
    notes = {top: f"{name:<{_NAME}} {say(budget):>10}", top + 1: f"{say(used)} in use"}
    if top:
        notes[0] = f"{'above the budget':>{_LEFT - 1}}"
    yield from (f"{notes.get(index, '')[:_LEFT]:<{_LEFT}}{line}" for index, (_, line) in enumerate(lines))


def _task(bar: Bar, axis: TimeAxis) -> str:
    return _row(_name(bar.label), memory(bar.chunks), f"{bar.cpus}", bar_line(bar, axis, _PLOT))


def _row(name: str, size: str, cpus: str, plot: str) -> str:
    return f"{name:<{_NAME}} {size:>5} {cpus:>4} {plot}"


def _free(name: str, budget: int, say: Callable[[int], str]) -> str:
    return f"{name + ':':<8}{say(budget)} free"


def _without_place(unplaced: Sequence[Unplaced]) -> Iterator[str]:
    if unplaced:
        yield ""
        yield f"Without a place: {len(unplaced):,}"
    for one in unplaced[:_UNPLACED]:
        reasons = "; ".join(_short(reason, _LONG) for reason in one.reasons[:_REASONS])
        wrapped = textwrap.wrap(reasons, WIDTH - _NAME - 1) or [""]
        yield f"{_name(one.label):<{_NAME}} {wrapped[0]}"
        yield from (f"{'':<{_NAME}} {line}" for line in wrapped[1:])
    if len(unplaced) > _UNPLACED:
        yield f"and {counted(len(unplaced) - _UNPLACED, 'task')} more"


def _name(label: str) -> str:
    return _short(label, _NAME)


def _short(text: str, room: int) -> str:
    return shorten(ascii_only(brief(text, _LONG)), room, mark="..")
