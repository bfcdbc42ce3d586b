# SPDX-License-Identifier: LGPL-2.1-or-later
"""The end of a task's output file, which may be huge, and may hold anything."""

from __future__ import annotations

import os
import stat

_READ = 256 << 10
"""Bytes from the end; whoever writes longer lines sees their ends."""


def last_lines(path: str, lines: int) -> list[str]:
    """Raises OSError. The file is in a directory of the task's user, so it may be a fifo or a link by now: neither
    is followed or waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        file.seek(max(0, status.st_size - _READ))
        text = file.read(_READ).decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n")[-lines:] if text and lines else []
