# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes from a keyboard -> keys. Terminals send several bytes for most of them, and not always together."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Key(StrEnum):
    QUIT = "q"
    SORT = "s"
    UP = "up"
    DOWN = "down"
    PAGE_UP = "page up"
    PAGE_DOWN = "page down"
    HOME = "home"
    END = "end"


_KEYS: Final[dict[bytes, Key]] = {
    b"q": Key.QUIT,
    b"Q": Key.QUIT,
    b"s": Key.SORT,
    b"k": Key.UP,
    b"j": Key.DOWN,
    b" ": Key.PAGE_DOWN,
    b"g": Key.HOME,
    b"G": Key.END,
    # CSI as usual, SS3 where the keypad is in application mode.
    **{start + b"A": Key.UP for start in (b"\x1b[", b"\x1bO")},
    **{start + b"B": Key.DOWN for start in (b"\x1b[", b"\x1bO")},
    **{start + b"H": Key.HOME for start in (b"\x1b[", b"\x1bO")},
    **{start + b"F": Key.END for start in (b"\x1b[", b"\x1bO")},
    b"\x1b[5~": Key.PAGE_UP,
    b"\x1b[6~": Key.PAGE_DOWN,
    b"\x1b[1~": Key.HOME,
    b"\x1b[7~": Key.HOME,
    b"\x1b[4~": Key.END,
    b"\x1b[8~": Key.END,
}
_LONGEST: Final = 16
"""Bytes of an escape sequence; what is longer is none."""


def keys_of(data: bytes) -> tuple[list[Key], bytes]:
    """The keys we know, and what may be the beginning of one more. All others are passed over."""
    found: list[Key] = []
    while data:
        size = _size(data)
        if size is None:
            return found, data if len(data) <= _LONGEST else b""
        if key := _KEYS.get(data[:size]):
            found.append(key)
        data = data[size:]
    return found, b""


def _size(data: bytes) -> int | None:
    """Of the first key; None while its end is missing."""
    if data[:1] != b"\x1b":
        return 1
    if len(data) < 2:
        return None
    if data[1:2] == b"O":
        return 3 if len(data) >= 3 else None
    if data[1:2] != b"[":
        return 2 if data[1:2] != b"\x1b" else 1
    # A control sequence ends with its first byte from @ to ~ (ECMA-48).
    return next((index + 1 for index, byte in enumerate(data[2:], 2) if 0x40 <= byte <= 0x7E), None)
