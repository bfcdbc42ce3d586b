# SPDX-License-Identifier: LGPL-2.1-or-later
"""Foreign text made harmless: no markup, no control characters, no more room than there is."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible, and able to make a line read differently from what it says."""
_UNPRINTABLE: Final = frozenset(("Cc", "Cs", "Cn", "Co", "Zl", "Zp"))
_MARKS: Final = frozenset(("Mn", "Me"))
_PILE: Final = 3
"""Marks on one letter; more of them are no language, and would cover the lines above and below."""
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_TAIL: Final = 0.45
"""How much of a shortened text is its end: the number of a task stands there."""

_LONG: Final = 1000
_NARROW: Final = frozenset("fijlrtI.,:;!|'()[]/-` \\")
_BROAD: Final = frozenset("mwMW@%&#<>=+~")


def visible(text: str) -> str:
    """`text` with everything that XML forbids or that nobody can see spelled out: `\\x1b`, `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(text))


def ascii_only(text: str) -> str:
    """For terminals of any encoding."""
    return visible(text).encode("ascii", "backslashreplace").decode("ascii")


def xml(text: str) -> str:
    """Text for XML and HTML, between tags or in a quoted attribute."""
    return visible(text).translate(_XML)


def shorten(text: str, room: float, measure: Callable[[str], float] = len, mark: str = "…") -> str:
    """At most `room` wide by `measure`, which adds up the characters; the middle of a longer text goes."""
    # A text of a million characters need not be measured to know that it is too long.
    if len(text) <= 4 * room and measure(text) <= room:
        return text
    room -= measure(mark)
    tail = _leading(text[::-1][: int(room) + 1], room * _TAIL, measure)
    head = _leading(text[: 4 * int(room) + 1], room - measure(tail), measure)
    return head + mark + tail[::-1]


def brief(text: str, room: float, measure: Callable[[str], float] = len) -> str:
    """Made visible, then shortened: what is spelled out takes more room. Of a huge text little is looked at."""
    return shorten(visible(shorten(text, _LONG)), room, measure)


def ems(text: str) -> float:
    """About how wide `text` is in a sans-serif font, in half ems: 1 for a usual letter, 2 for a wide character."""
    return sum(map(_half_ems, text))


def _leading(text: str, room: float, measure: Callable[[str], float]) -> str:
    for count, char in enumerate(text):
        room -= measure(char)
        if room < 0:
            return text[:count]
    return text


def _half_ems(char: str) -> float:
    """Of DejaVu Sans, which is wider than most."""
    if char in _NARROW:
        return 0.8
    if char in _BROAD:
        return 2.05
    if char.isupper():
        return 1.45
    # A mark that takes no room counts as if it did, or there would be no end to how many one could pile up.
    return 2.1 if unicodedata.east_asian_width(char) in "WF" else 1.27


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        unsafe = category in _UNPRINTABLE or char in _BIDI or marks > _PILE
        yield char.encode("unicode_escape", "surrogatepass").decode("ascii") if unsafe else char
