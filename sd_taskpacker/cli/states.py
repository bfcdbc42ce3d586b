# SPDX-License-Identifier: LGPL-2.1-or-later
"""The states of a task, as the service spells them, and how many tasks it lists at once."""

from __future__ import annotations

from typing import Final

OPEN: Final = ("waiting", "running")
ENDED: Final = ("complete", "failed")
STATES: Final = (*OPEN, *ENDED)
MOST_LISTED: Final = 10_000
"""ListTasks answers no more, whatever is asked for, and 1,000 where nothing is."""
