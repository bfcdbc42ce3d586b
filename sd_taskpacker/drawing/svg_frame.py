# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is around the lanes and the tasks: heading, legend, time axis, and what has no place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sd_taskpacker.drawing.axis import Tick, TimeAxis
from sd_taskpacker.drawing.stack import Look, look
from sd_taskpacker.drawing.style import FILL
from sd_taskpacker.drawing.svg import (
    LEFT,
    PLOT,
    PLOT_END,
    PLOT_WIDTH,
    Sheet,
    number,
    path,
    rect,
    width_of,
    x_of,
)
from sd_taskpacker.drawing.view import Bar, PlanView
from sd_taskpacker.drawing.words import counted, date, moment, stamp, summary
from sd_taskpacker.model.unit import Kind

_ROOM: Final = 74 / PLOT_WIDTH
"""What a tick's label needs of the width."""
_UNPLACED_ROWS: Final = 30
_REASONS: Final = 4
_FAR_BELOW: Final = 560
"""Pixels after which the axis is repeated."""
_ROW: Final = 19

ARROW_HEAD: Final = "m-3 -3l3 3l-3 3"

_LEGEND: Final = {
    Look.BATCH: "batch",
    Look.WORKORDER: "workorder",
    Look.OVERDUE: "overdue",
    Look.PLANNED: "planned",
}


def draw_heading(sheet: Sheet, view: PlanView) -> None:
    sheet.text(LEFT, sheet.y + 36, "Plan", "title")
    sheet.text(LEFT + 56, sheet.y + 36, stamp(view.now), "dim")
    sheet.text(LEFT, sheet.y + 60, summary(view) + ".", "head" if view.draining else "")
    sheet.y += 68


def draw_legend(sheet: Sheet, view: PlanView, axis: TimeAxis, over: bool) -> None:
    """Only of what there is in this drawing."""
    x: float = LEFT
    y = sheet.y + 16
    for mark, text in _legend(view, axis, over, y):
        sheet.texts.append(f'<g transform="translate({number(x)} 0)">{mark}</g>')
        sheet.text(x + 26, y, text, "dim")
        x += 26 + width_of(text) + 16
    sheet.y += 26


def _legend(view: PlanView, axis: TimeAxis, over: bool, y: float) -> Iterator[tuple[str, str]]:
    looks = {look(bar) for bar in view.bars}
    for which, text in _LEGEND.items():
        if which in looks:
            yield swatch(which, 0, y - 10, 20, 11), text
    if any(not bar.running and bar.kind is Kind.WORKORDER for bar in view.bars):
        yield swatch(Look.PLANNED, 0, y - 10, 20, 11, striped=True), "planned workorder"
    if over:
        yield f'<rect fill="url(#fill-over)" y="{number(y - 10)}" width="20" height="11"/>', "above the budget"
    latest = [(bar.latest, bar) for bar in view.bars if bar.latest is not None and not bar.running]
    if any(not is_far_off(time, bar, axis) for time, bar in latest):
        yield path("whisker", f"M1 {number(y - 4)}H19M19 {number(y - 9)}V{number(y + 1)}"), "latest start"
    if any(is_far_off(time, bar, axis) for time, bar in latest):
        yield path("whisker", f"M1 {number(y - 4)}H19{ARROW_HEAD}"), "latest start is further off"
    if any(bar.deadline is not None for bar in view.bars):
        yield deadline_mark(10, y - 4.5, missed=False), "deadline"
    if any(bar.late for bar in view.bars):
        yield deadline_mark(10, y - 4.5, missed=True), "deadline missed"


def is_far_off(time: int, bar: Bar, axis: TimeAxis) -> bool:
    """Whether it is beyond the axis, or beyond the scale on which the bar begins."""
    return time > axis.end or (axis.two_scales and bar.start <= axis.near < time)


def swatch(which: Look, x: float, y: float, width: float, height: float, *, striped: bool = False) -> str:
    """A bar in its colour and pattern."""
    at = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="1.5"'
    bar = f'<rect fill="url(#fill-{FILL[which]})" {at}/>'
    if striped:
        bar += f'<rect fill="url(#fill-stripes)" {at}/>'
    return bar + (f'<rect class="planned-bar" fill="none" {at}/>' if which is Look.PLANNED else "")


def deadline_mark(x: float, y: float, *, missed: bool) -> str:
    """A diamond, or a cross when it is missed."""
    if missed:
        return path("missed", f"M{number(x - 4)} {number(y - 4)}l8 8m0 -8l-8 8")
    return path("mark", f"M{number(x)} {number(y - 5)}l4.5 5l-4.5 5l-4.5 -5z")


def draw_axis(sheet: Sheet, axis: TimeAxis) -> None:
    """Three lines: the date and where `now` is, times in UTC, spans from now."""
    y = sheet.y
    sheet.text(LEFT, y + 32, date(axis.now), "dim")
    sheet.text(PLOT - 8, y + 32, "UTC", "tick end")
    sheet.text(PLOT - 8, y + 48, "from now", "tick end")
    for x, tick in _placed(axis.ticks(_ROOM)):
        sheet.text(x, y + 32, tick.label, "tick middle strongtick" if tick.strong else "tick middle")
    for x, tick in _placed(axis.relative_ticks(_ROOM)):
        if not tick.strong:
            sheet.text(x, y + 48, tick.label, "tick middle")
            sheet.texts.append(path("strong", f"M{number(x_of(tick.place))} {number(y + 52)}v4"))
    if axis.two_scales:
        sheet.text(x_of(axis.split) + 6, y + 13, "later, compressed »", "tick")
    sheet.y += 56
    sheet.axis_y = sheet.y


def repeat_ticks(sheet: Sheet, axis: TimeAxis) -> None:
    """Once more beside a heading, where the axis is too far up to be seen."""
    if sheet.y - sheet.axis_y > _FAR_BELOW:
        sheet.axis_y = sheet.y
        for x, tick in _placed(axis.ticks(_ROOM)):
            sheet.text(x, sheet.y, tick.label, "tick middle")


def _placed(ticks: Iterable[Tick]) -> Iterator[tuple[float, Tick]]:
    """The middle of each label, which stays on the paper."""
    for tick in ticks:
        half = width_of(tick.label) / 2
        yield max(PLOT + half - 12, min(x_of(tick.place), PLOT_END - half)), tick


def background(axis: TimeAxis, top: float, bottom: float) -> list[str]:
    """Behind everything: the past, and a line for every tick."""
    now = x_of(axis.place(axis.now))
    grid = "".join(f"M{number(x_of(tick.place))} {number(top)}V{number(bottom)}" for tick in axis.ticks(_ROOM))
    return [rect("past", PLOT, top, now - PLOT, bottom - top), path("grid", grid) if grid else ""]


def foreground(axis: TimeAxis, top: float, bottom: float) -> list[str]:
    """Above the marks: the veil over the far part, and the line of now."""
    now, far = x_of(axis.place(axis.now)), x_of(axis.split)
    shapes = []
    if axis.near < axis.end:
        shapes.append(rect("far", far, top, PLOT_END - far, bottom - top))
    if axis.two_scales:
        shapes.append(path("break", f"M{number(far)} {number(top)}V{number(bottom)}"))
    text = f"now {moment(axis.now):%H:%M:%S}"
    flag = rect("now-flag", now - 42, top - 56, 84, 17, 'rx="3"')
    label = f'<text class="now-text tick middle" x="{number(now)}" y="{number(top - 43.5)}">{text}</text>'
    line = path("now", f"M{number(now)} {number(top - 39)}v4M{number(now)} {number(top - 5)}V{number(bottom)}")
    return [*shapes, line, flag, label]


def draw_unplaced(sheet: Sheet, view: PlanView) -> None:
    """A line each: what, and why it has no place."""
    if not view.unplaced:
        return
    sheet.y += 30
    sheet.text(LEFT, sheet.y, f"Without a place  {len(view.unplaced):,}", "head")
    sheet.y += 6
    for one in view.unplaced[:_UNPLACED_ROWS]:
        sheet.y += _ROW
        sheet.fitted(LEFT, sheet.y, one.label, PLOT - LEFT - 20)
        reasons = "; ".join(one.reasons[:_REASONS])
        sheet.fitted(PLOT, sheet.y, reasons, PLOT_WIDTH, "dim")
    if more := len(view.unplaced) - _UNPLACED_ROWS:
        if more > 0:
            sheet.y += _ROW
            sheet.text(LEFT, sheet.y, f"and {counted(more, 'task')} more", "dim")
    sheet.y += 6
