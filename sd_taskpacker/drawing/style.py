# SPDX-License-Identifier: LGPL-2.1-or-later
"""Colours, patterns and letters of SVG and HTML.

The colours follow Okabe and Ito's palette, which people with any colour vision tell apart; beside its colour every
state has a pattern or an outline of its own, so that a print in black and white says the same. The rules are spelled
out once for light and once for dark: custom properties would be shorter, but few viewers of SVG besides browsers
know them. Paper is always light.
"""

from __future__ import annotations

from string import Template
from typing import Final

from sd_taskpacker.drawing.stack import Look

FILL: Final = {Look.WORKORDER: "workorder", Look.BATCH: "batch", Look.OVERDUE: "overdue", Look.PLANNED: "planned"}
"""CSS class of each look."""

_LIGHT: Final = {
    "ground": "#ffffff",
    "panel": "#f5f6f8",
    "past": "#eceef1",
    "ink": "#1c2127",
    "dim": "#5b6570",
    "grid": "#e1e5e9",
    "strong": "#bcc4cc",
    "batch": "#3778b8",
    "workorder": "#0f9674",
    "overdue": "#e8a010",
    "planned": "#d8e6f4",
    "edge": "#5b92c6",
    "stripe": "#ffffff",
    "warning": "#c9380f",
    "hover": "#1c2127",
}
_DARK: Final = {
    "ground": "#15181c",
    "panel": "#1c2126",
    "past": "#22272d",
    "ink": "#e7eaed",
    "dim": "#9ba6b1",
    "grid": "#2a3037",
    "strong": "#4b5560",
    "batch": "#5a9fdd",
    "workorder": "#2fb893",
    "overdue": "#efb02f",
    "planned": "#24384d",
    "edge": "#5088bd",
    "stripe": "#15181c",
    "warning": "#ff7350",
    "hover": "#ffffff",
}

_SHAPES: Final = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Cantarell,"Noto Sans","DejaVu Sans",sans-serif;
font-size:12px;font-variant-numeric:tabular-nums;pointer-events:none;white-space:pre}
.title{font-size:20px;font-weight:600}
.head{font-size:14px;font-weight:600}
.column,.tick{font-size:11px}
.strongtick{font-weight:600}
.end{text-anchor:end}
.middle{text-anchor:middle}
.grid,.strong,.now,.budget,.whisker,.outline,.break{fill:none;shape-rendering:crispEdges}
.now,.budget{stroke-width:2}
.break{stroke-dasharray:2 3}
.planned-bar{stroke-width:1;stroke-dasharray:3 2}
.hit{fill-opacity:0}
.row:hover .hit{fill-opacity:.06}
.far{fill-opacity:.5}
.missed{fill:none;stroke-width:2.5}
.far,.now,.now-flag,.mark,.missed,.warning{pointer-events:none}
.remark,.over-text{font-weight:600}
.remark{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}
"""
_COLOURS: Final = Template("""
.ground,.far{fill:$ground}
.panel{fill:$panel}
.past{fill:$past}
text{fill:$ink}
.dim,.column,.tick{fill:$dim}
.strongtick{fill:$ink}
.grid{stroke:$grid}
.strong,.break{stroke:$strong}
.now,.budget{stroke:$ink}
.now-flag,.mark{fill:$ink}
.now-text{fill:$ground}
.batch{fill:$batch}
.workorder{fill:$workorder}
.overdue{fill:$overdue}
.planned{fill:$planned}
.planned-bar,.outline{stroke:$edge}
.stripe{fill:$stripe}
.hatch{fill:none;stroke:$stripe}
.warning,.remark,.over-text{fill:$warning}
.missed{stroke:$warning}
.whisker{stroke:$dim}
.hit{fill:$hover}
.remark{stroke:$ground}
""")

SVG: Final = (
    _SHAPES
    + _COLOURS.substitute(_LIGHT)
    + "@media screen and (prefers-color-scheme:dark){"
    + _COLOURS.substitute(_DARK)
    + "}\n*{print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
)


def _pattern(name: str, colour: str, size: int, lines: str = "") -> str:
    ground = f'<rect class="{colour}" width="{size}" height="{size}"/>' if colour else ""
    attributes = f'id="fill-{name}" width="{size}" height="{size}" patternUnits="userSpaceOnUse"'
    return f"<pattern {attributes}>{ground}{lines}</pattern>\n"


PATTERNS: Final = (
    "<defs>\n"
    + _pattern("batch", "batch", 8)
    + _pattern("workorder", "workorder", 5, '<rect class="stripe" width="1" height="5" opacity=".55"/>')
    + _pattern("overdue", "overdue", 7, '<path class="hatch" d="M-1 8L8-1M-2 2L2-2M5 9L9 5" stroke-width="1.6"/>')
    + _pattern("planned", "planned", 8)
    + _pattern("over", "warning", 6, '<path class="hatch" d="M0 0L6 6M6 0L0 6" stroke-width="1.1"/>')
    # On top of another one, for a workorder that is overdue or planned.
    + _pattern("stripes", "", 5, '<rect class="mark" width="1" height="5" opacity=".5"/>')
    + "</defs>\n"
)

_PAGE_SHAPES: Final = """
:root{color-scheme:light dark}
body{margin:0 auto;padding:24px;max-width:1160px;font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Cantarell,
"Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:22px;font-weight:600;margin:0}
h2{font-size:16px;font-weight:600;margin:32px 0 8px}
p{margin:4px 0}
.figures{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0;padding:0}
.figure{flex:1 1 140px;padding:10px 14px;border-radius:8px;list-style:none}
.figure b{display:block;font-size:24px;font-weight:600;line-height:1.25}
.notice{display:inline-block;padding:2px 10px;border-radius:8px;border:1px solid;font-weight:600}
svg{display:block;width:100%;height:auto}
table{border-collapse:collapse;width:100%}
th{font-size:12px;font-weight:500;text-align:left}
th,td{padding:4px 12px 4px 0;vertical-align:top;border-bottom:1px solid}
td{overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap;padding-right:28px}
.nowrap{white-space:nowrap}
td ul{margin:0;padding-left:18px}
td:first-child{min-width:15em}
@media print{
body{padding:0;max-width:none;font-size:10px}
h1{font-size:18px}
h2{font-size:13px;margin-top:18px;break-after:avoid}
th{font-size:10px}
th,td{padding:2px 8px 2px 0}
.figures{margin:8px 0;gap:6px;flex-wrap:nowrap}
.figure{flex-basis:0;padding:4px 8px;break-inside:avoid}
.figure b{font-size:15px}
tr{break-inside:avoid}
thead{display:table-header-group}
}
"""
_PAGE_COLOURS: Final = Template("""
body{background:$ground;color:$ink}
.figure{background:$panel}
th,.quiet{color:$dim}
th,td{border-color:$grid}
.alarm{color:$warning}
""")

PAGE: Final = (
    _PAGE_SHAPES
    + _PAGE_COLOURS.substitute(_LIGHT)
    + "@media screen and (prefers-color-scheme:dark){"
    + _PAGE_COLOURS.substitute(_DARK)
    + "}\n"
)
