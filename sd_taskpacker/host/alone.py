# SPDX-License-Identifier: LGPL-2.1-or-later
"""One daemon per state directory: a second one would judge the first one's tasks before the bus refuses it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sd_taskpacker.errors import WrongState


def take_alone(directory: Path) -> None:
    """Holds a lock on the directory until this process ends. Raises WrongState when another process has it."""
    # The descriptor is not closed: with it the lock would go. It is inherited by nobody (PEP 446).
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise WrongState(
            f"another sd-taskpacker uses {directory}", hint="see systemctl status sd-taskpacker"
        ) from None
