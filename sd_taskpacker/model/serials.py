# SPDX-License-Identifier: LGPL-2.1-or-later
"""Versions that we make: `YYYYMMDD.N`, N counting from 0 per name and day (UTC).

The day of a name never goes back: on a clock that does, the numbers of the last day that was used go on. A version
of this form that a caller gives must not be of a day to come, or the counting of that day would meet it.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

Serial = tuple[str, int]
"""A day as YYYYMMDD, and a number."""

MAX_NUMBER: Final = 999_999
"""The highest that a caller may give; it leaves the day's own counting a thousand times as many."""

_FORM = re.compile(r"(\d{8})\.(0|[1-9]\d{0,8})", re.ASCII)


def day_of(now: int) -> str:
    return datetime.datetime.fromtimestamp(now // 1_000_000, datetime.UTC).strftime("%Y%m%d")


def spell(serial: Serial) -> str:
    return f"{serial[0]}.{serial[1]}"


def parse(version: str) -> Serial | None:
    """None when the version is not of our form; it can then never meet one that we make."""
    match = _FORM.fullmatch(version)
    return None if match is None else (match[1], int(match[2]))


def next_of(known: Serial | None, now: int) -> Serial:
    """What is given next, where `known` is the newest day's next number."""
    today = day_of(now)
    return known if known is not None and known[0] >= today else (today, 0)


def after(known: Serial | None, used: Serial | None) -> Serial | None:
    """What `known` becomes when the version `used` is taken."""
    if used is None:
        return known
    following = (used[0], used[1] + 1)
    return following if known is None else max(known, following)


def check_given(version: str, known: Serial | None, now: int) -> None:
    """Raises ValueError for a version of our form that would disturb the counting."""
    given = parse(version)
    if given is None:
        return
    if given[1] > MAX_NUMBER:
        raise ValueError(f"the number of a version of the form YYYYMMDD.N is at most {MAX_NUMBER}")
    if given[0] > next_of(known, now)[0]:
        raise ValueError("a version of the form YYYYMMDD.N cannot be of a day to come")
