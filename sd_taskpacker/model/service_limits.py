# SPDX-License-Identifier: LGPL-2.1-or-later
"""`LimitNOFILE=1024:4096` and its kind: soft and hard, in the unit that each limit has (systemd.exec(5), the table
under "Process Properties"; src/basic/rlimit-util.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.literals import parse_integer
from sd_taskpacker.model.quantities import INFINITY, parse_bytes, parse_span
from sd_taskpacker.model.service_kind import Kind, Properties
from sd_taskpacker.model.values import Value


def _limit(read: Callable[[str], int]) -> Kind:
    def parse(key: str, text: str) -> Properties:
        soft_text, separator, hard_text = text.partition(":")
        soft = INFINITY if soft_text == "infinity" else read(soft_text)
        hard = soft if not separator else INFINITY if hard_text == "infinity" else read(hard_text)
        if soft > hard:
            raise ValueError(f"the soft limit of {excerpt(text)} is above the hard one; write SOFT:HARD")
        return (key, Value("t", hard)), (key + "Soft", Value("t", soft))

    return Kind(parse=lambda key, texts: parse(key, texts[0]))


def _count(text: str) -> int:
    return parse_integer(text, 0, INFINITY - 1)


def _seconds(text: str) -> int:
    usec = parse_span(text)
    return usec if usec == INFINITY else -(-usec // 1_000_000)


def _microseconds(text: str) -> int:
    """A plain number is microseconds here, unlike in every other time span."""
    return parse_span(text + "us" if text.isdecimal() else text)


def _nice(text: str) -> int:
    """`+5` and `-5` are nice levels; a plain number is the kernel's own 20 minus the level."""
    if text.startswith("+"):
        return 20 - parse_integer(text, 0, 19)
    if text.startswith("-"):
        return 20 - parse_integer(text, -20, 0)
    return parse_integer(text, 0, 40)


COUNT: Final = _limit(_count)
BYTES: Final = _limit(parse_bytes)
CPU_SECONDS: Final = _limit(_seconds)
REALTIME: Final = _limit(_microseconds)
NICE: Final = _limit(_nice)
