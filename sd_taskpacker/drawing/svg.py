# SPDX-License-Identifier: LGPL-2.1-or-later
"""The paper that SVG is drawn on: measures, layers and the few shapes that all parts use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sd_taskpacker.drawing.escape import brief, ems, xml

WIDTH: Final = 1200
LEFT: Final = 20
PLOT: Final = 330
"""Where the time axis begins; names and amounts are to the left of it."""
PLOT_END: Final = WIDTH - LEFT
PLOT_WIDTH: Final = PLOT_END - PLOT
CPU_COLUMN: Final = PLOT - 16
MEMORY_COLUMN: Final = CPU_COLUMN - 42
NAME_WIDTH: Final = MEMORY_COLUMN - 48 - LEFT
"""Right ends of the columns with amounts, and what they leave for names."""

_HALF_EM: Final = 5.9
"""Of the 12 pixel text."""


@dataclass
class Sheet:
    """What was drawn so far, in layers: marks are below the veil over the far part, texts above it."""

    y: float = 0
    """Where the next part begins."""
    axis_y: float = 0
    """Where the time axis was drawn last."""
    marks: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, content: str, classes: str = "") -> None:
        """`content` is escaped here."""
        attribute = f' class="{classes}"' if classes else ""
        self.texts.append(f'<text x="{number(x)}" y="{number(y)}"{attribute}>{xml(content)}</text>')

    def fitted(self, x: float, y: float, content: str, width: float, classes: str = "") -> None:
        """Shortened to `width` pixels."""
        self.text(x, y, fit(content, width), classes)


def fit(content: str, width: float) -> str:
    return brief(content, width / _HALF_EM, ems)


def width_of(content: str) -> float:
    return ems(content) * _HALF_EM


def x_of(place: float) -> float:
    """A part of the time axis in pixels."""
    return PLOT + place * PLOT_WIDTH


def number(value: float) -> str:
    """To a tenth of a pixel, as short as it goes."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def rect(classes: str, x: float, y: float, width: float, height: float, more: str = "") -> str:
    attributes = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect class="{classes}" {attributes}{more and " " + more}/>'


def path(classes: str, d: str, more: str = "") -> str:
    return f'<path class="{classes}" d="{d}"{more and " " + more}/>'


def filled(d: str, pattern: str) -> str:
    """An area with a pattern of style.PATTERNS; nothing when it is empty."""
    return f'<path fill="url(#fill-{pattern})" d="{d}"/>' if d else ""


def title(*lines: str) -> str:
    """A tooltip."""
    return f"<title>{chr(10).join(map(xml, lines))}</title>"
