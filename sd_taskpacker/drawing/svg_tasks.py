# SPDX-License-Identifier: LGPL-2.1-or-later
"""A row for each task: its name, what it takes, and its bar. What has no row of its own is added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sd_taskpacker.drawing.axis import TimeAxis
from sd_taskpacker.drawing.choice import Choice
from sd_taskpacker.drawing.stack import Look, look
from sd_taskpacker.drawing.svg import (
    CPU_COLUMN,
    LEFT,
    MEMORY_COLUMN,
    NAME_WIDTH,
    PLOT,
    PLOT_END,
    WIDTH,
    Sheet,
    number,
    path,
    rect,
    title,
    width_of,
    x_of,
)
from sd_taskpacker.drawing.svg_frame import ARROW_HEAD, deadline_mark, is_far_off, repeat_ticks, swatch
from sd_taskpacker.drawing.svg_lane import Lane, draw_lane
from sd_taskpacker.drawing.view import Bar
from sd_taskpacker.drawing.words import counted, facts, memory, remark
from sd_taskpacker.model.unit import Kind

_ROW: Final = 20
_BAR: Final = 11
_THIN: Final = 2
"""Pixels of the shortest bar."""
_STUB: Final = 16
"""Pixels of the arrow to what is further off than the axis goes."""


def draw_tasks(sheet: Sheet, chosen: Choice, axis: TimeAxis) -> None:
    for name, bars, rest in (
        ("Running", chosen.running, chosen.running_rest),
        ("Next", chosen.waiting, chosen.waiting_rest),
    ):
        if bars:
            _draw_group(sheet, f"{name}  {len(bars) + len(rest):,}", bars, axis)
    if chosen.rest:
        _draw_rest(sheet, chosen.running_rest, chosen.waiting_rest, axis)


def _draw_group(sheet: Sheet, name: str, bars: Sequence[Bar], axis: TimeAxis) -> None:
    sheet.y += 30
    sheet.text(LEFT, sheet.y, name, "head")
    sheet.text(MEMORY_COLUMN, sheet.y, "memory", "column end")
    sheet.text(CPU_COLUMN, sheet.y, "CPUs", "column end")
    repeat_ticks(sheet, axis)
    sheet.y += 8
    for bar in bars:
        _draw_row(sheet, bar, axis)
        sheet.y += _ROW


def _draw_row(sheet: Sheet, bar: Bar, axis: TimeAxis) -> None:
    base = sheet.y + 14
    sheet.fitted(LEFT, base, bar.label, NAME_WIDTH)
    sheet.text(MEMORY_COLUMN, base, memory(bar.chunks), "dim end")
    sheet.text(CPU_COLUMN, base, f"{bar.cpus:,}", "dim end")
    sheet.marks.append(f'<g class="row">{title(*facts(bar, axis.now))}')
    sheet.marks.append(rect("hit", LEFT - 8, sheet.y, WIDTH - 2 * LEFT + 16, _ROW))
    top = sheet.y + (_ROW - _BAR) / 2
    sheet.marks += _bar(bar, axis, top)
    sheet.marks.append("</g>")
    if bar.deadline is not None:
        # Above the veil: a deadline is as certain far off.
        sheet.texts.append(_deadline(bar, bar.deadline, axis, top + _BAR / 2))
    if text := remark(bar):
        _draw_remark(sheet, text, _ends(bar, axis), base)


def _ends(bar: Bar, axis: TimeAxis) -> tuple[float, float]:
    """Left and right, in pixels. What runs goes on until now at least, whatever was expected."""
    left = x_of(axis.place(bar.start))
    return left, max(x_of(axis.place(max(bar.end, axis.now) if bar.running else bar.end)), left + _THIN)


def _bar(bar: Bar, axis: TimeAxis, top: float) -> Iterator[str]:
    left, right = _ends(bar, axis)
    striped = bar.kind is Kind.WORKORDER and look(bar) is not Look.WORKORDER
    yield swatch(look(bar), left, top, right - left, _BAR, striped=striped)
    if bar.start < axis.begin:
        # It began before what is shown.
        yield path("mark", f"M{PLOT - 2} {number(top + 1)}v{_BAR - 2}l-5 -{number(_BAR / 2 - 1)}z")
    if bar.latest is not None and not bar.running and bar.latest > bar.start:
        yield _latest(bar, bar.latest, axis, top)


def _latest(bar: Bar, latest: int, axis: TimeAxis, top: float) -> str:
    left, right = _ends(bar, axis)
    low = top + _BAR + 1.5
    if is_far_off(latest, bar, axis):
        # Promises may be days off: long lines in every row would be most of the drawing.
        return path("whisker", f"M{number(left)} {number(low)}H{number(min(right + _STUB, PLOT_END))}{ARROW_HEAD}")
    x = number(x_of(axis.place(latest)))
    return path("whisker", f"M{number(left)} {number(low)}H{x}M{x} {number(top + 3)}V{number(low + 1)}")


def _deadline(bar: Bar, deadline: int, axis: TimeAxis, y: float) -> str:
    classes = "warning" if bar.late else "mark"
    if deadline > axis.end:
        return path(classes, f"M{PLOT_END - 5} {number(y - 4.5)}l5.5 4.5l-5.5 4.5z")
    if deadline < axis.begin:
        return path(classes, f"M{PLOT + 5} {number(y - 4.5)}l-5.5 4.5l5.5 4.5z")
    return deadline_mark(x_of(axis.place(deadline)), y, missed=bar.late)


def _draw_remark(sheet: Sheet, text: str, ends: tuple[float, float], y: float) -> None:
    """Behind its bar, or before it, or at the end of the row where there is room for neither."""
    left, right = ends
    room = width_of(text) * 1.08 + 10
    if right + room < PLOT_END:
        sheet.text(right + 10, y, text, "remark")
    elif left - room > PLOT:
        sheet.text(left - 10, y, text, "remark end")
    else:
        sheet.text(PLOT_END - 10, y, text, "remark end")


def _draw_rest(sheet: Sheet, running: Sequence[Bar], waiting: Sequence[Bar], axis: TimeAxis) -> None:
    """How many of them there are at any time."""
    sheet.y += 16
    repeat_ticks(sheet, axis)
    sheet.y += 8
    texts = [f"{len(bars):,} {what}" for bars, what in ((running, "running"), (waiting, "planned")) if bars]
    bars = [*running, *waiting]
    lane = Lane(
        name=f"{counted(len(bars), 'task')} more",
        budget=None,
        amount=lambda _: 1,
        say=lambda count: f"{count:,}",
        height=64,
        note=", ".join(texts),
    )
    draw_lane(sheet, lane, bars, axis)
