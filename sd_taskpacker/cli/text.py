# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text for a terminal: harmless, of known width, in systemd's spelling. Prints nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible, and able to make a line read differently from what it says."""
_UNPRINTABLE: Final = frozenset(("Cc", "Cs", "Zl", "Zp"))
_ZERO_WIDTH: Final = frozenset(("Mn", "Me", "Cf"))
_GAP: Final = "  "


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


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which every column is as wide as its widest cell; the last one is not filled up."""
    columns = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [_GAP.join(map(pad, row, columns)).rstrip() for row in rows]


def timestamp(usec: int) -> str:
    """A CLOCK_REALTIME usec as systemd prints it, in local time: `Sat 2026-11-21 10:53:05 UTC`."""
    try:
        moment = datetime.fromtimestamp(usec // 1_000_000, tz=UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return str(usec)
    return f"{moment:%a %Y-%m-%d %H:%M:%S %Z}"


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
