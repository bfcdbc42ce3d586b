# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strings that D-Bus can carry."""

from __future__ import annotations


def bus_text(text: str) -> str:
    """A string that D-Bus can carry: dbus-daemon disconnects whoever sends a NUL or broken UTF-8."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
