# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the place can do that we write to: how wide it is, whether it has colours, whether it can be drawn over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TextIO

_FALLBACK: Final = (80, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    columns: int = _FALLBACK[0]
    rows: int = _FALLBACK[1]
    color: bool = False
    unicode: bool = False
    """Blocks and lines may be drawn; without it ASCII has to do."""
    live: bool = False
    """What was written can be drawn over: a terminal, and not one that says it is dumb."""


def terminal(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> Terminal:
    """Of stdout or stderr; None is a stream that was closed before we started. Colours are for terminals, and not for
    who sets NO_COLOR (no-color.org)."""
    columns, rows = shutil.get_terminal_size(_FALLBACK)
    is_terminal = stream is not None and stream.isatty() and environ.get("TERM", "dumb") != "dumb"
    return Terminal(
        columns=columns,
        rows=rows,
        color=is_terminal and not environ.get("NO_COLOR"),
        unicode=stream is not None and not _wants_ascii(environ) and _encodes_blocks(stream),
        live=is_terminal,
    )


def size(stream: TextIO) -> tuple[int, int]:
    """(columns, rows) as they are now, whatever $COLUMNS said when we started."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return _FALLBACK
    return found.columns or _FALLBACK[0], found.lines or _FALLBACK[1]


def _wants_ascii(environ: Mapping[str, str]) -> bool:
    """Who says LANG=C. Python has UTF-8 all the same then, and sets this LC_CTYPE for its children."""
    kind = environ.get("LC_CTYPE", "").replace("C.UTF-8", "")
    return (environ.get("LC_ALL") or kind or environ.get("LANG")) in ("C", "POSIX")


def _encodes_blocks(stream: TextIO) -> bool:
    try:
        "█░─│".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
