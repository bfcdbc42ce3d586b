# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values that many keys share, as systemd spells them: booleans, whole numbers, words of a list, paths."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from typing import Final

from sd_taskpacker.model.excerpt import excerpt, listing

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True),
    **dict.fromkeys(("0", "no", "n", "false", "f", "off"), False),
}


def parse_boolean(text: str) -> bool:
    """systemd's parse_boolean(), in any case. Raises ValueError."""
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(f"{excerpt(text)} is not a boolean; write yes or no")
    return value


def parse_integer(text: str, low: int, high: int) -> int:
    """A decimal number from `low` to `high`. Raises ValueError."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not low <= number <= high:
        raise ValueError(f"{excerpt(text)} is not a whole number from {low} to {high}")
    return number


def parse_choice(text: str, choices: Collection[str]) -> str:
    """Raises ValueError with all the choices."""
    if text not in choices:
        raise ValueError(f"{excerpt(text)} is not one of {listing(choices)}")
    return text


def parse_absolute_path(text: str) -> str:
    """Absolute and without `//`, `.`, `..` or a slash at its end. Raises ValueError, which says how to write it."""
    if not text.startswith("/"):
        raise ValueError(f"{excerpt(text)} is not an absolute path")
    if ".." in text.split("/"):
        raise ValueError(f"{excerpt(text)} must not hold ..")
    normal = "/" + posixpath.normpath(text).lstrip("/")
    if normal != text:
        raise ValueError(f"{excerpt(text)} is not normalized; write {excerpt(normal)}")
    return text


def parse_relative_path(text: str) -> str:
    """Relative, and below where it starts. Raises ValueError."""
    if not text or text.startswith("/") or posixpath.normpath(text) != text or text.split("/")[0] in ("..", "."):
        raise ValueError(f"{excerpt(text)} is not a path below its directory; write for example name or name/sub")
    return text
