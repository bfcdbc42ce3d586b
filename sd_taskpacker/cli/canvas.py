# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines for a terminal as values: pieces of text with a style each, of known width. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sd_taskpacker.cli.text import width
from sd_taskpacker.drawing.escape import shorten, visible

_RESET: Final = "\x1b[0m"
_LONGEST: Final = 1000
"""Characters of a text that are looked at; no terminal is wider."""


class Style(StrEnum):
    """What a text means; the value is how terminals are told to show it (SGR)."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    REVERSED = "7"
    GOOD = "32"
    NOTICE = "33"
    BAD = "1;31"
    WORKORDER = "34"
    BATCH = "32;1"
    OVERDUE = "33;1"
    PLANNED = "36"


@dataclass(frozen=True, slots=True)
class Span:
    """`text` holds no control characters: it went through `safe`, or is our own."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


def safe(text: str) -> str:
    """Foreign text made harmless, and not longer than a screen could show."""
    return visible(text[:_LONGEST])


def line(*parts: str | Span) -> Line:
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def columns_of(shown: Line) -> int:
    return sum(width(span.text) for span in shown)


def plain(shown: Line) -> str:
    return "".join(span.text for span in shown)


def fitted(text: str, columns: int, *, mark: str = "…", right: bool = False) -> str:
    """Exactly `columns` wide: filled up, or without its middle. A wide character that would be cut is left out."""
    if width(text) > columns:
        text = shorten(text, columns, width, mark if columns > len(mark) else "")
    fill = " " * (columns - width(text))
    return fill + text if right else text + fill


def clipped(shown: Line, columns: int) -> Line:
    """What of it fits; the rest would go on in the next row, and everything below would be misplaced."""
    return tuple(_clip(shown, columns))


def _clip(shown: Line, room: int) -> Iterator[Span]:
    for span in shown:
        if (wide := width(span.text)) <= room:
            room -= wide
            yield span
        else:
            yield Span(_leading(span.text, room), span.style)
            return


def _leading(text: str, room: int) -> str:
    for index, char in enumerate(text):
        room -= width(char)
        if room < 0:
            return text[:index]
    return text


def painted(shown: Line, *, color: bool) -> str:
    """With escape sequences where there are colours. What is told by colour alone is nowhere to be found: NO_COLOR
    takes the colours away and nothing else."""
    return "".join(_painted(span) if color and span.style else span.text for span in shown)


def _painted(span: Span) -> str:
    return f"\x1b[{span.style}m{span.text}{_RESET}"
