# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan as one SVG drawing: memory and CPUs over time against the budget, below them the tasks as bars.

It stands alone (no scripts, no fonts, nothing from elsewhere), follows the viewer's light or dark scheme, and its
size is bounded however many tasks there are. Details of a task are in the tooltip of its row.
"""

from __future__ import annotations

from typing import Final

from sd_taskpacker.drawing.axis import axis_for
from sd_taskpacker.drawing.choice import choose
from sd_taskpacker.drawing.escape import xml
from sd_taskpacker.drawing.style import PATTERNS, SVG
from sd_taskpacker.drawing.svg import LEFT, WIDTH, Sheet, number
from sd_taskpacker.drawing.svg_frame import (
    background,
    draw_axis,
    draw_heading,
    draw_legend,
    draw_unplaced,
    foreground,
)
from sd_taskpacker.drawing.svg_lane import Lane, draw_lane
from sd_taskpacker.drawing.svg_tasks import draw_tasks
from sd_taskpacker.drawing.view import PlanView
from sd_taskpacker.drawing.words import memory, summary

_ROWS: Final = 100
"""More than that nobody reads."""


def render(view: PlanView) -> str:
    """A file of its own."""
    return drawing(view, rows=_ROWS, alone=True)


def drawing(view: PlanView, *, rows: int, alone: bool) -> str:
    """At most `rows` tasks have a row of their own.

    `alone` False leaves out what the page around the drawing says: the heading and what has no place.
    """
    chosen = choose(view, rows)
    axis = axis_for(view, [*chosen.running, *chosen.waiting])
    lanes = (
        Lane(name="Memory", budget=view.chunks, amount=lambda bar: bar.chunks, say=memory, height=130),
        Lane(name="CPUs", budget=view.cpus, amount=lambda bar: bar.cpus, say=lambda count: f"{count:,}", height=96),
    )
    sheet = Sheet()
    if alone:
        draw_heading(sheet, view)
    legend_y = sheet.y
    sheet.y += 30 if view.bars else 0
    draw_axis(sheet, axis)
    top = sheet.y
    over = False
    for lane in lanes:
        over |= draw_lane(sheet, lane, view.bars, axis)
        sheet.y += 18
    sheet.y -= 14
    draw_tasks(sheet, chosen, axis)
    bottom = sheet.y + 6
    if alone:
        draw_unplaced(sheet, view)
    height = sheet.y + 20
    sheet.y = legend_y
    draw_legend(sheet, view, axis, over)
    shapes = [*background(axis, top, bottom), *sheet.marks, *foreground(axis, top, bottom), *sheet.texts]
    # A page has margins of its own.
    margin = 0 if alone else LEFT
    width = WIDTH - 2 * margin
    size = f'width="{width}" height="{number(height)}" viewBox="{margin} 0 {width} {number(height)}"'
    label = xml(f"Plan. {summary(view)}.")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">\n<style>{SVG}</style>\n'
        f'{PATTERNS}<rect class="ground" width="{WIDTH}" height="{number(height)}"/>\n'
        + "\n".join(filter(None, shapes))
        + "\n</svg>\n"
    )
