# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text for a terminal: harmless, of known width, in systemd's spelling. Prints nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sd_taskpacker.model.quantities import format_span

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible, and able to make a line read differently from what it says."""
_UNPRINTABLE: Final = frozenset(("Cc", "Cs", "Zl", "Zp"))
_ZERO_WIDTH: Final = frozenset(("Mn", "Me", "Cf"))
_GAP: Final = "  "
_NARROWEST: Final = 8
"""Columns of a table that nobody could read if they were narrower."""

_SECOND: Final = 1_000_000
_AGES: Final = (
    (90, (1, "s")),
    (90 * 60, (60, "min")),
    (48 * 3600, (3600, "h")),
    (14 * 86400, (86400, "d")),
    (60 * 86400, (7 * 86400, "w")),
    (2 * 365 * 86400, (30 * 86400, "month")),
)
"""(seconds below which an age is told in this unit, the unit)."""


def escape(text: str) -> str:
    """`text` with control characters (and lone surrogates) spelled out, so that no task's name drives a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(char) if _is_unsafe(char) else char for char in text)


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNPRINTABLE or char in _BIDI


def _spelled(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def width(text: str) -> int:
    """Columns of a terminal that escaped text takes: two for a wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def table(rows: Sequence[Sequence[str]], *, limit: int | None = None, mark: str = "…") -> list[str]:
    """Lines in which every column is as wide as its widest cell; the last one is not filled up. With a `limit` the
    widest columns are shortened until the lines fit, though never below _NARROWEST."""
    columns = [max(map(width, column)) for column in zip(*rows, strict=True)]
    if limit is not None:
        columns = _narrowed(columns, limit - len(_GAP) * (len(columns) - 1))
        rows = [[shortened(cell, wide, mark) for cell, wide in zip(row, columns, strict=True)] for row in rows]
    return [_GAP.join(map(pad, row, columns)).rstrip() for row in rows]


def _narrowed(columns: list[int], limit: int) -> list[int]:
    """The widest column gives first, down to the next widest, and so on."""
    narrowed = list(columns)
    while (over := sum(narrowed) - limit) > 0:
        widest = max(narrowed)
        if widest <= _NARROWEST:
            break
        at = [place for place, columns_of in enumerate(narrowed) if columns_of == widest]
        next_widest = max((each for each in narrowed if each < widest), default=0)
        step = max(1, min(widest - max(next_widest, _NARROWEST), over // len(at)))
        for place in at[: max(1, over // step)]:
            narrowed[place] -= step
    return narrowed


def shortened(text: str, columns: int, mark: str = "…") -> str:
    """Cut in the middle: of an id, both the name's beginning and the version at its end tell it from others."""
    if width(text) <= columns:
        return text
    room = columns - width(mark)
    if room < 2:
        return _taken(text, columns)
    head = _taken(text, (room + 1) // 2)
    # A wide character may not fit into what is left over.
    tail = _taken(text[::-1], room - width(head))[::-1]
    return head + mark + tail


def _taken(text: str, columns: int) -> str:
    """As much of the beginning as fits."""
    used = 0
    for position, char in enumerate(text):
        used += _columns(char)
        if used > columns:
            return text[:position]
    return text


def local(usec: int) -> datetime:
    """A CLOCK_REALTIME usec in local time, with its zone. Raises OverflowError, ValueError or OSError for what is no
    date."""
    return datetime.fromtimestamp(usec // _SECOND, tz=UTC).astimezone()


def timestamp(usec: int) -> str:
    """A CLOCK_REALTIME usec as systemd prints it, in local time: `Sat 2026-11-21 10:53:05 UTC`."""
    try:
        return f"{local(usec):%a %Y-%m-%d %H:%M:%S %Z}"
    except (OverflowError, ValueError, OSError):
        return str(usec)


def age(usec: int, now: int) -> str:
    """`5min ago`, `in 3h`, `now`: the nearest unit alone, for who wants to know roughly."""
    off = abs(now - usec) // _SECOND
    if off == 0:
        return "now"
    seconds, unit = next((unit for below, unit in _AGES if off < below), (365 * 86400, "y"))
    span = f"{off // seconds}{unit}"
    return f"{span} ago" if usec < now else f"in {span}"


def moment(usec: int, now: int) -> str:
    """`Sat 2026-11-21 10:53:05 UTC; 5min ago`, as systemctl status."""
    return f"{timestamp(usec)}; {age(usec, now)}"


def rough_bytes(size: int) -> str:
    """`2.3G`, `128M`, `512K`: to a tenth."""
    amount, units = float(size), iter("BKMGTPE")
    unit = next(units)
    while amount >= 1023.95:
        amount, unit = amount / 1024, next(units)
    text = f"{amount:.1f}".removesuffix(".0")
    return f"{text}{unit}"


def rough_span(usec: int) -> str:
    """The largest units of a span: two, but one of what is below a second. Nobody reads microseconds of an hour."""
    return " ".join(format_span(usec).split()[: 2 if usec >= _SECOND else 1])


def value(data: Any) -> str:
    """A D-Bus value after `Key=`, as systemctl show spells it."""
    match data:
        case bool():
            return "yes" if data else "no"
        case list():
            return " ".join(map(value, data))
        case dict():
            return " ".join(f"{key}={value(item)}" for key, item in data.items())
        case _:
            return str(data)
