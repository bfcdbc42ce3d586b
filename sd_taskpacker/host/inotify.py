# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells when somebody writes to a file: inotify(7), for which Python has nothing of its own.

Also for files of a cgroup, whose limits systemd and admins write: what matters is the write, whatever file system it
goes to. What the kernel changes by itself it does not tell.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_IN_MODIFY: Final = 0x2
_READ: Final = 64 << 10


class Writes:
    """`fileno` is readable when there was a write since the last `forget`. Raises OSError where the kernel refuses:
    a user may have only so many instances."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def fileno(self) -> int:
        return self._descriptor

    def watch(self, files: Iterable[Path]) -> None:
        """Those that there are; one that is watched already is not watched twice."""
        for file in files:
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(file), _IN_MODIFY)

    def forget(self) -> None:
        try:
            while os.read(self._descriptor, _READ):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        os.close(self._descriptor)
