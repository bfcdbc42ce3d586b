# SPDX-License-Identifier: LGPL-2.1-or-later
"""The only place of the command line that reads the clock; everywhere else time is an argument."""

from __future__ import annotations

import time


def now() -> int:
    """usec, CLOCK_REALTIME."""
    return time.time_ns() // 1_000
