# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moments as systemd.time(7) spells them: `-1h`, `2h ago`, `today`, `2026-11-21 10:53`, `@1795258385`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.quantities import parse_span

_FORMATS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M")
_DAYS: Final = {"today": 0, "yesterday": -1, "tomorrow": 1}
_EXAMPLES: Final = "write for example -1h, '2h ago', today or '2026-11-21 10:53'"


def parse_moment(text: str, now: int) -> int:
    """usec of CLOCK_REALTIME; a time of day without a zone is local. A span alone is that long ago, for nobody lists
    what will come. Raises ValueError."""
    word = text.strip()
    if word == "now":
        return now
    if word.startswith("@"):
        return _epoch(word[1:], text)
    if word.startswith("+"):
        return now + _span(word[1:], text)
    if word in _DAYS:
        return _usec(_midnight(now) + timedelta(days=_DAYS[word]))
    found = _calendar(word, now)
    return found if found is not None else max(0, now - _span(word.removeprefix("-").removesuffix("ago"), text))


def _calendar(word: str, now: int) -> int | None:
    # A weekday before the date is what systemd prints; it is redundant.
    first, _, rest = word.partition(" ")
    plain = rest if first.lower() in _WEEKDAYS else word
    is_utc = plain.endswith(" UTC")
    for form in _FORMATS:
        try:
            day = datetime.strptime(plain.removesuffix(" UTC"), form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if form.startswith("%H"):
            today = _midnight(now)
            day = day.replace(year=today.year, month=today.month, day=today.day)
        return _usec(day if is_utc else day.replace(tzinfo=None))
    return None


_WEEKDAYS: Final = frozenset("mon tue wed thu fri sat sun".split())


def _midnight(now: int) -> datetime:
    """Local time, without a zone."""
    local = datetime.fromtimestamp(now // 1_000_000, tz=UTC).astimezone()
    return local.replace(hour=0, minute=0, second=0, tzinfo=None)


def _usec(day: datetime) -> int:
    """Without a zone it is local."""
    return max(0, int(day.timestamp()) * 1_000_000)


def _epoch(seconds: str, text: str) -> int:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 13):
        raise ValueError(f"{excerpt(text)} is not a moment; {_EXAMPLES}")
    return int(seconds) * 1_000_000


def _span(span: str, text: str) -> int:
    try:
        return parse_span(span)
    except ValueError:
        raise ValueError(f"{excerpt(text)} is not a moment; {_EXAMPLES}") from None
