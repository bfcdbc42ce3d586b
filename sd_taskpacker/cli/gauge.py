# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bar that shows how much of something is used. Prints nothing."""

from __future__ import annotations

from typing import Final

_BLOCKS: Final = ("█", "░")
_ASCII: Final = ("#", ".")


def gauge(used: int, total: int, columns: int, *, unicode: bool) -> str:
    """`[████░░░░]`, `columns` wide with the brackets. It looks empty only when nothing is used, and full only when
    nothing is left: nobody should be told that there is room where there is none. More than all (overcommitted) ends
    in `!`."""
    full, empty = _BLOCKS if unicode else _ASCII
    width = max(1, columns - 2)
    filled = _filled(used, total, width)
    bar = full * filled + empty * (width - filled)
    return f"[{bar[:-1]}!]" if used > total else f"[{bar}]"


def _filled(used: int, total: int, width: int) -> int:
    if used <= 0:
        return 0
    if used >= total:
        return width
    return max(1, min(width - 1, used * width // total))
