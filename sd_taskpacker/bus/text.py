# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strings that D-Bus can carry."""

from __future__ import annotations


def bus_text(text: str) -> str:
    """A string that D-Bus can carry: dbus-daemon disconnects whoever sends a NUL or broken UTF-8."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def can_travel(data: object) -> bool:
    """Whether every string inside is one that D-Bus can carry as it is."""
    match data:
        case str():
            return bus_text(data) == data
        case dict():
            return all(can_travel(key) and can_travel(item) for key, item in data.items())
        case list() | tuple():
            return all(can_travel(item) for item in data)
        case _:
            return True
