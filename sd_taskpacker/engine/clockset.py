# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of the times that are remembered when the clock is set, or the machine has slept.

Deadlines are people's, and mean what the clock on the wall says. The rest was counted from some moment on: what runs
has run as long as before, and who was promised a start in ten minutes still waits ten minutes for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.engine.events import Event, TaskAltered, TaskPromised
from sd_taskpacker.engine.state import State

NOTICED: Final = 1_000_000
"""usec: less than that between two looks is the clock being slewed, and no matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """All read at one moment, in usec: CLOCK_REALTIME, and what nobody sets, with and without the time asleep."""

    real: int
    boot: int
    awake: int


def was_set_by(before: Clocks, after: Clocks) -> int:
    """usec by which somebody set the clock between two looks: forward positive, 0 when nobody did."""
    by = (after.real - before.real) - (after.boot - before.boot)
    return by if abs(by) >= NOTICED else 0


def slept(before: Clocks, after: Clocks) -> bool:
    """Whether the machine was suspended between two looks: timers have not counted that time."""
    return (after.boot - before.boot) - (after.awake - before.awake) >= NOTICED


def follow_clock(state: State, by: int, *, since: int, now: int) -> Iterator[Event]:
    """The clock was set by so many usec some time after `since`, which is the last look told in the time of now. What
    began after that look has the new time already."""
    for task in list(state.running()):
        if not since <= task.started_usec <= now:
            yield TaskAltered(dataclasses.replace(task, started_usec=task.started_usec + by))
    for task in state.line:
        if task.promised_usec is not None and not since <= task.submitted_usec <= now:
            yield TaskPromised(task.id, task.promised_usec + by)
