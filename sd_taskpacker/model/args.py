# SPDX-License-Identifier: LGPL-2.1-or-later
"""`args` of a request: what is asked of the scheduler, as against the task's own parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sd_taskpacker.errors import InvalidArgs
from sd_taskpacker.model.command import MAX_ARGUMENT
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.names import check_component
from sd_taskpacker.model.quantities import INFINITY, parse_size, parse_span
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import INT_SIGNATURES, Value

MAX_CPUS: Final = 65_535
MAX_TAG: Final = 256
MAX_AMOUNT: Final = 100
"""Characters of a size or time span; the longest sensible one has half of that."""

_UINT32_MAX = (1 << 32) - 1
_BATCH_ONLY = frozenset({"priority", "deadline"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Args:
    """None: as the unit says."""

    priority: int | None = None
    deadline_usec: int | None = None
    """CLOCK_REALTIME."""
    chunks: int | None = None
    cpus: int | None = None
    expected_usec: int | None = None
    version: str | None = None
    argv: tuple[str, ...] = ()
    tag: str = ""


def parse_args(args: Mapping[str, Value], kind: Kind, now: int, *, part: str = "args") -> Args:
    """Raises InvalidArgs naming the key, and calling the whole `part`."""
    found: dict[str, Any] = {}
    for key, value in args.items():
        reader = _READERS.get(key)
        if reader is None or (key in _BATCH_ONLY and kind is not Kind.BATCH):
            known = ", ".join(k for k in _READERS if kind is Kind.BATCH or k not in _BATCH_ONLY)
            raise InvalidArgs(f"unknown key {excerpt(key)} in {part}", hint=f"a {kind} takes {known}")
        field, read = reader
        try:
            found[field] = read(value, now)
        except ValueError as error:
            raise InvalidArgs(f"{part} key '{key}': {error}") from None
    return Args(**found)


def _integer(value: Value, low: int, high: int) -> int:
    if value.signature not in INT_SIGNATURES:
        raise ValueError(f"must be a number, not of D-Bus type '{value.signature[:20]}'")
    number = int(value.data)
    if not low <= number <= high:
        raise ValueError(f"{number} is not within {low} and {high}")
    return number


def _string(value: Value) -> str:
    if value.signature != "s":
        raise ValueError(f"must be a string, not of D-Bus type '{value.signature[:20]}'")
    return str(value.data)


def _deadline(value: Value, now: int) -> int:
    if value.signature != "s":
        return _integer(value, 0, INFINITY - 1)
    return min(now + parse_span(_amount(value)), INFINITY - 1)


def _amount(value: Value) -> str:
    text = _string(value)
    if len(text) > MAX_AMOUNT:
        raise ValueError(f"{excerpt(text)} has {len(text)} characters; at most {MAX_AMOUNT}")
    return text


def _version(value: Value, _now: int) -> str:
    text = _string(value)
    check_component(text, "version")
    return text


def _argv(value: Value, _now: int) -> tuple[str, ...]:
    if value.signature != "as":
        raise ValueError(f"must be an array of strings, not of D-Bus type '{value.signature[:20]}'")
    for argument in value.data:
        if len(argument.encode()) > MAX_ARGUMENT:
            raise ValueError(f"an argument has {len(argument.encode())} bytes; at most {MAX_ARGUMENT} are possible")
    return tuple(value.data)


def _tag(value: Value, _now: int) -> str:
    text = _string(value)
    if len(text) > MAX_TAG or not text.isprintable():
        raise ValueError(f"must be at most {MAX_TAG} printable characters")
    return text


_READERS: Final[Mapping[str, tuple[str, Callable[[Value, int], object]]]] = {
    "priority": ("priority", lambda value, now: _integer(value, 0, _UINT32_MAX)),
    "deadline": ("deadline_usec", _deadline),
    "size": ("chunks", lambda value, now: parse_size(_amount(value))),
    "cpus": ("cpus", lambda value, now: _integer(value, 0, MAX_CPUS)),
    "expected": ("expected_usec", lambda value, now: _integer(value, 1, INFINITY - 1)),
    "version": ("version", _version),
    "argv": ("argv", _argv),
    "tag": ("tag", _tag),
}
