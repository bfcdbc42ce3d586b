# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody who wrote an unknown name probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_MAX_COMPARED: Final = 100
"""difflib costs the product of both lengths; a name that long was never meant to be one of ours."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs in case only, or by a slip; None when nothing is near."""
    if len(name) > _MAX_COMPARED:
        return None
    by_case = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.75)
    return by_case[near[0]] if near else None


def unknown_key(key: str, section: str, known: Iterable[str]) -> str:
    """The warning for a key that `section`, written with its brackets, does not have."""
    near = nearest(key, known)
    hint = f"; did you mean {near}=?" if near else ""
    return f"is not a key of {section} and is ignored{hint}"
