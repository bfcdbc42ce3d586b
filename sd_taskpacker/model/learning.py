# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a run is expected to take where nobody said so: as long as the longest of the last few that succeeded.

The longest and not the mean: a plan that is too short breaks promises, one that is too long only leaves holes,
which are filled when the run has ended.
"""

from __future__ import annotations

from typing import Final

from sd_taskpacker.model.task import DEFAULT_EXPECTED_USEC, Result, Task, TaskState
from sd_taskpacker.model.unit import Kind

LAST_RUNS: Final = 10

NO_MEASURE: Final = frozenset({Result.LOST, Result.COULD_NOT_START})
"""Ends of a run that say nothing of how long it took."""

Runs = tuple[int, ...]
"""usec each, the oldest first."""


def run_time(task: Task) -> int | None:
    """usec; None for what teaches nothing: it failed, still runs, or the clock went back meanwhile."""
    if task.state is not TaskState.COMPLETE or task.outcome is None or not task.has_run:
        return None
    took = task.outcome.ended_usec - task.started_usec
    return took if took > 0 else None


def lasted(task: Task) -> int | None:
    """usec that a batch run took, however it ended, to be compared with what was expected; None for what never ran,
    or where nobody knows when it ended."""
    if task.kind is not Kind.BATCH or task.outcome is None or not task.has_run or task.outcome.result in NO_MEASURE:
        return None
    took = task.outcome.ended_usec - task.started_usec
    return took if took > 0 else None


def learn(known: Runs, took: int) -> Runs:
    return (*known, took)[-LAST_RUNS:]


def expected(known: Runs) -> int:
    """usec."""
    return max(known, default=DEFAULT_EXPECTED_USEC)
