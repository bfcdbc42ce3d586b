# SPDX-License-Identifier: LGPL-2.1-or-later
"""Words of the command line -> values. What is wrong raises ValueError, or for argparse its own error."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sd_taskpacker.model.quantities import parse_size, parse_span

_UINT32 = (1 << 32) - 1

T = TypeVar("T")


def checked(parse: Callable[[str], T]) -> Callable[[str], T]:
    """argparse shows the text of an ArgumentTypeError, but not that of a ValueError."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    return parsed


def kept(check: Callable[[str], Any]) -> Callable[[str], str]:
    """The text itself, once it has passed the check that the service will make too."""

    def unchanged(text: str) -> str:
        check(text)
        return text

    return unchanged


def is_utf8(text: str) -> bool:
    """Python keeps the bytes of the command line that are not UTF-8 as lone surrogates."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def uint32(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _UINT32):
        raise ValueError(f"'{text}' is not a number from 0 to {_UINT32}")
    return int(text)


def scheduling(text: str) -> tuple[str, Any]:
    """What set-property takes, each checked as the option of that name is."""
    name, _, value = text.partition("=")
    check = _SCHEDULING.get(name.lower())
    if check is None:
        raise ValueError(f"'{text}' is not a property; write {', '.join(f'{known}=' for known in _SCHEDULING)}")
    return name.lower(), check(value)


def _span_or_none(text: str) -> str:
    """Empty takes the deadline away."""
    return kept(parse_span)(text) if text.strip() else ""


_SCHEDULING: Final[dict[str, Callable[[str], Any]]] = {
    "priority": uint32,
    "deadline": _span_or_none,
    "size": kept(parse_size),
}


def assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise ValueError(f"'{text}' is not a parameter; write NAME=VALUE")
    return name, value
