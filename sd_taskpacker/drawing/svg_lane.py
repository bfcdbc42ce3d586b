# SPDX-License-Identifier: LGPL-2.1-or-later
"""One resource over time: what is in use, stacked, against the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.drawing.axis import TimeAxis
from sd_taskpacker.drawing.stack import Look, Step, steps
from sd_taskpacker.drawing.style import FILL
from sd_taskpacker.drawing.svg import LEFT, PLOT, PLOT_END, PLOT_WIDTH, Sheet, filled, number, path, rect, title, x_of
from sd_taskpacker.drawing.view import Bar

_COLUMNS: Final = PLOT_WIDTH
"""A step for every pixel at most."""
_HEADROOM: Final = 1.12
_LINE: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    name: str
    note: str = ""
    """Shown instead of what is in use and what is free."""
    budget: int | None
    """None: there is no limit to it."""
    amount: Callable[[Bar], int]
    say: Callable[[int], str]
    """An amount in words."""
    height: int


def draw_lane(sheet: Sheet, lane: Lane, bars: Sequence[Bar], axis: TimeAxis) -> bool:
    """Whether it is above the budget at some time that is shown."""
    shown = steps(bars, lane.amount, axis, _COLUMNS)
    peak = max(step.total for step in shown)
    budget = peak if lane.budget is None else lane.budget
    bottom = sheet.y + lane.height
    curve = _Curve(axis, bottom, lane.height / (max(budget, peak, 1) * _HEADROOM))

    sheet.marks.append(f'<g class="row">{title(_tooltip(lane, bars, peak))}')
    for look in Look:
        levels = ((step, sum(step.amounts[:look]), sum(step.amounts[: look + 1])) for step in shown)
        sheet.marks.append(filled(curve.band(levels), FILL[look]))
    sheet.marks.append(path("outline", curve.band((step, 0, step.total) for step in shown)))
    above = ((step, budget, max(budget, step.total)) for step in shown)
    sheet.marks.append(filled(curve.band(above), "over"))
    sheet.marks.append(rect("hit", PLOT, sheet.y, PLOT_WIDTH, lane.height) + "</g>")
    sheet.marks.append(path("strong", f"M{PLOT} {number(bottom)}H{PLOT_END}"))
    sheet.text(LEFT, sheet.y + 14, lane.name, "head")
    if lane.budget is None:
        sheet.text(LEFT, sheet.y + 14 + _LINE, lane.note, "dim")
        sheet.text(PLOT - 8, curve.y(peak) + 4, lane.say(peak), "tick end")
    else:
        sheet.marks.append(path("budget", f"M{PLOT} {number(curve.y(budget))}H{PLOT_END}"))
        _label(sheet, lane, _used(lane, bars), peak - budget)
        sheet.text(PLOT - 8, curve.y(budget) + 4, f"budget {lane.say(budget)}", "tick end")
    sheet.y = bottom
    return peak > budget


@dataclass(frozen=True, slots=True)
class _Curve:
    """Amounts over time as pixels."""

    axis: TimeAxis
    bottom: float
    scale: float

    def y(self, amount: int) -> float:
        return self.bottom - amount * self.scale

    def band(self, levels: Iterable[tuple[Step, int, int]]) -> str:
        """The area between a lower and an upper amount for each step; where both are the same there is none."""
        parts: list[str] = []
        upper: list[tuple[float, float]] = []
        lower: list[tuple[float, float]] = []
        for step, low, high in levels:
            if low == high:
                parts.append(_closed(upper, lower))
                upper, lower = [], []
                continue
            for edge, amount in ((upper, high), (lower, low)):
                edge += [(x_of(self.axis.place(time)), self.y(amount)) for time in (step.start, step.end)]
        return "".join((*parts, _closed(upper, lower)))


def _closed(upper: list[tuple[float, float]], lower: list[tuple[float, float]]) -> str:
    """One path around the area; lines that go on in the same direction are one."""
    if not upper:
        return ""
    points = upper + lower[::-1]
    x, y = points[0]
    parts = [f"M{number(x)} {number(y)}"]
    for index, (next_x, next_y) in enumerate(points[1:], start=1):
        goes_on = index + 1 < len(points) and next_y == y == points[index + 1][1]
        if next_x != x and not goes_on:
            parts.append(f"H{number(next_x)}")
            x = next_x
        if next_y != y:
            parts.append(f"V{number(next_y)}")
            y = next_y
    return "".join(parts) + "Z"


def _label(sheet: Sheet, lane: Lane, used: int, above: int) -> None:
    y = sheet.y + 14 + _LINE + 2
    sheet.text(LEFT, y, f"{lane.say(used)} in use now")
    sheet.text(LEFT, y + _LINE, f"{lane.say(max(0, (lane.budget or 0) - used))} free", "dim")
    if above > 0:
        sheet.text(LEFT, y + 2 * _LINE, f"▲ up to {lane.say(above)} above the budget", "over-text")


def _used(lane: Lane, bars: Sequence[Bar]) -> int:
    return sum(lane.amount(bar) for bar in bars if bar.running)


def _tooltip(lane: Lane, bars: Sequence[Bar], peak: int) -> str:
    if lane.budget is None:
        return f"{lane.name} ({lane.note}); at most {lane.say(peak)} at a time"
    used = f"{lane.say(_used(lane, bars))} of {lane.say(lane.budget)} in use now"
    return f"{lane.name}: {used}, at most {lane.say(peak)} in this drawing"
