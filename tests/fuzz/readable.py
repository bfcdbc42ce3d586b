# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every message promises its reader."""

from __future__ import annotations


def check_readable(message: str, most: int) -> None:
    """Not empty, no longer than `most` characters, and nothing in it that moves a cursor; `\\n` begins a hint."""
    assert message
    assert len(message) <= most, message
    assert message.replace("\nHint: ", "").isprintable(), message
    message.encode()
