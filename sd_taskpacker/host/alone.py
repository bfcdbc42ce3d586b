# SPDX-License-Identifier: LGPL-2.1-or-later
"""One daemon per state directory: a second one would judge the first one's tasks before the bus refuses it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from sd_taskpacker.errors import WrongState

LOCK: Final = "state.sqlite.lock"
"""Of the store's files, among which no unit has its directory (model.settings)."""


def take_alone(directory: Path) -> None:
    """Holds a lock in the directory until this process ends. Raises WrongState when another process has it, OSError
    where there can be none."""
    # Whoever can open a file can lock it, and everybody may open the directory: so it is a file of our user alone.
    # Only read, for that works on a read-only disk as well.
    # The descriptor is not closed: with it the lock would go. It is inherited by nobody (PEP 446).
    held = os.open(directory / LOCK, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise WrongState(
            f"another sd-taskpacker uses {directory}", hint="see systemctl status sd-taskpacker"
        ) from None
