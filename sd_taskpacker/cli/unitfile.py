# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unit files and their drop-ins as they lie on the disk, read as the service reads them (host.unitdirs)."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from sd_taskpacker.model.syntax import MAX_BYTES

_DEV_NULL: Final = os.makedev(1, 3)


def read(path: Path) -> bytes:
    """Without waiting for a fifo, and no more than a unit may have; nothing for /dev/null. As bytes: the loader says
    where they are not UTF-8. Raises OSError."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == _DEV_NULL:
            return b""
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(MAX_BYTES + 1)


def dropins(base: str, directories: Sequence[str]) -> list[str]:
    """Paths of the drop-ins of `massif.batch`, in the order in which they apply. Of several of one name that of the
    first directory counts."""
    found: dict[str, str] = {}
    for directory in directories:
        with suppress(OSError):
            for name in os.listdir(f"{directory}/{base}.d"):
                if name.endswith(".conf") and not name.startswith("."):
                    found.setdefault(name, f"{directory}/{base}.d/{name}")
    return [path for _, path in sorted(found.items())]


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
