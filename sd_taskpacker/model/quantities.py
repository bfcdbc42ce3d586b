# SPDX-License-Identifier: LGPL-2.1-or-later
"""Amounts are integers: memory in bytes and in chunks of 32 MiB, time in microseconds.

Texts are read and written in systemd's own spelling: sizes with base 1024 as in systemd.resource-control(5),
time spans as in systemd.time(7). A bad text raises ValueError with a message for the person who wrote it.
"""

from __future__ import annotations

import re
from typing import Final

from sd_taskpacker.model.excerpt import excerpt

CHUNK_BYTES: Final = 32 << 20
INFINITY: Final = (1 << 64) - 1
"""How systemd spells "no limit" in a `t` property (UINT64_MAX)."""

SIZES: Final = {"tiny": 1, "small": 4, "medium": 8, "large": 32}
"""The four named sizes, in chunks, in the order of `estimatedSlotsRemaining`."""

MAX_CHUNKS: Final = (1 << 31) - 1

_SIZE = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)\s*([KMGTPE]?)B?", re.ASCII)
_SIZE_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}

_SPAN_PART = re.compile(r"\s*(\d{1,20}(?:\.\d{1,20})?)\s*([a-zA-Zµμ]*)", re.ASCII)
_SECOND = 1_000_000
_SPAN_UNITS: Final = {
    name: usec
    for names, usec in (
        (("usec", "us", "µs", "μs"), 1),
        (("msec", "ms"), 1_000),
        (("seconds", "second", "sec", "s", ""), _SECOND),
        (("minutes", "minute", "min", "m"), 60 * _SECOND),
        (("hours", "hour", "hr", "h"), 3_600 * _SECOND),
        (("days", "day", "d"), 86_400 * _SECOND),
        (("weeks", "week", "w"), 7 * 86_400 * _SECOND),
        (("months", "month", "M"), 2_629_800 * _SECOND),
        (("years", "year", "y"), 31_557_600 * _SECOND),
    )
    for name in names
}


def chunks_for(size_bytes: int) -> int:
    """The chunks that hold this many bytes, rounded up."""
    return -(-size_bytes // CHUNK_BYTES)


def parse_bytes(text: str) -> int:
    """`384M` -> bytes, base 1024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{excerpt(text)} is not a size; write for example 512M or 2G")
    whole, _, fraction = match[1].partition(".")
    shift = _SIZE_UNITS[match[2]]
    size = int(whole) << shift
    if fraction:
        size += (int(fraction) << shift) // 10 ** len(fraction)
    if size >= INFINITY:
        raise ValueError(f"{excerpt(text)} is larger than any memory")
    return size


def parse_size(text: str) -> int:
    """A `Size=`: one of the four names, or an amount of memory rounded up -> chunks, at least one."""
    named = SIZES.get(text.strip())
    if named is not None:
        return named
    try:
        chunks = chunks_for(parse_bytes(text))
    except ValueError:
        raise ValueError(f"{excerpt(text)} is not a size; use {', '.join(SIZES)} or an amount such as 384M") from None
    if chunks < 1:
        raise ValueError("a task needs some memory; the smallest size is tiny (32M)")
    if chunks > MAX_CHUNKS:
        raise ValueError(f"{excerpt(text)} is larger than any memory")
    return chunks


def format_bytes(size: int) -> str:
    """The shortest exact spelling: 1073741824 -> `1G`."""
    for suffix, shift in reversed(_SIZE_UNITS.items()):
        if shift and size and size % (1 << shift) == 0:
            return f"{size >> shift}{suffix}"
    return str(size)


def parse_span(text: str) -> int:
    """`1h 30min`, `90` (seconds), `250ms` -> usec. `infinity` -> INFINITY."""
    stripped = text.strip()
    if stripped == "infinity":
        return INFINITY
    total, position = 0, 0
    while position < len(stripped):
        match = _SPAN_PART.match(stripped, position)
        unit = None if match is None else _SPAN_UNITS.get(match[2])
        if match is None or unit is None:
            raise ValueError(f"{excerpt(text)} is not a time span; write for example 90s, 10min or 1h 30min")
        whole, _, fraction = match[1].partition(".")
        total += int(whole) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        position = match.end()
    if not stripped or total >= INFINITY:
        raise ValueError(f"{excerpt(text)} is not a time span; write for example 90s, 10min or 1h 30min")
    return total


def format_span(usec: int) -> str:
    """As systemd prints it: 5400000000 -> `1h 30min`; below a second `250ms`."""
    if usec == INFINITY:
        return "infinity"
    parts, rest = [], usec
    for name in ("y", "month", "w", "d", "h", "min", "s", "ms", "us"):
        count, rest = divmod(rest, _SPAN_UNITS[name])
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts) or "0"
