# SPDX-License-Identifier: LGPL-2.1-or-later
"""The one place of the command line that reads the clock. Everything else has `now` as an argument."""

from __future__ import annotations

from time import time_ns


def now() -> int:
    """usec, CLOCK_REALTIME, as all times of the service are."""
    return time_ns() // 1000
