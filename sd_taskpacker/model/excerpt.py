# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a message shows of a text that somebody else wrote: quoted, printable and short."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MAX_SHOWN: Final = 60
"""Characters of foreign text in a message: enough to recognise it, too few to flood a terminal or a log."""
MAX_NAMES: Final = 20


def excerpt(given: object) -> str:
    """`repr` escapes control characters, so that a value cannot move the cursor of whoever reads the message."""
    if isinstance(given, str | bytes):
        cut = given[:MAX_SHOWN]
        whole = repr(cut)
        return whole if len(cut) == len(given) and len(whole) <= MAX_SHOWN else whole[: MAX_SHOWN - 1] + "…"
    whole = repr(given)
    return whole if len(whole) <= MAX_SHOWN else whole[: MAX_SHOWN - 1] + "…"


def listing(names: Iterable[str]) -> str:
    """`a, b, c`; a long list is cut and says how many there are. "none" when it is empty."""
    known = tuple(names)
    shown = ", ".join(map(_name, known[:MAX_NAMES]))
    return f"{shown}, … ({len(known)} in all)" if len(known) > MAX_NAMES else shown or "none"


def _name(text: str) -> str:
    """As it is, unless it could move a cursor: a unit file may hold anything, also as a name that is refused."""
    if not text.isprintable():
        return excerpt(text)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
