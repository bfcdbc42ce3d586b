# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the queue makes of a turn: who of those that wait starts now, who is promised a start, who waited too long.

It looks once per turn, after everything that came in is decided, and only when that may have changed something for
those who wait, or when it is time: the next planned start, the next deadline, or after a while in any case, since
what runs longer than it should moves the plan without telling. While nothing waits it does nothing at all.

An end is followed at once. Where very many wait, one more or one less of them is not: a burst of thousands of calls
would make thousands of plans of thousands each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sd_taskpacker.engine.drafting import started
from sd_taskpacker.engine.events import Event, Resumed, TaskAltered, TaskEnded, TaskPromised, TaskQueued, TaskStarted
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.quantities import format_span
from sd_taskpacker.model.task import Outcome, Result, Task
from sd_taskpacker.plan.snapshot import Plan

_SECOND: Final = 1_000_000
REFRESH_USEC: Final = 300 * _SECOND
STORE_RETRY_USEC: Final = 5 * _SECOND
MANY: Final = 100
HOLD_OFF_USEC: Final = 200
"""For each one that waits beyond so many: about four times what its part of a plan takes."""


class Cycle:
    def __init__(self, state: State, boot_id: str) -> None:
        self._state = state
        self._boot_id = boot_id
        self._begun = False
        self._wake: int | None = None
        self.latest: Plan | None = None
        """The newest plan of all that waits; None when nothing does."""

    @property
    def wake(self) -> int | None:
        """When (usec) it wants to look again at the latest; None: not before something happens."""
        return self._wake if self._begun and len(self._state.line) else None

    def begin(self) -> None:
        """Until this is called it does nothing: what an earlier daemon left running is to be taken up first."""
        self._begun = True
        self.stir()

    def stir(self) -> None:
        """Something that is no event may have changed the plan."""
        self._wake = 0

    def put_off(self, now: int) -> None:
        """What it answered could not be remembered: it looks again in a moment."""
        self._wake = now + STORE_RETRY_USEC

    def follow(self, events: Sequence[Event], now: int) -> Iterator[Event]:
        """What follows from the turn's `events`. Each one is to be applied before the next one is asked for."""
        if not self._begun or not len(self._state.line):
            self.latest = None
            return
        moments = (self._wake, *(self._look_for(event, now) for event in events))
        self._wake = min((moment for moment in moments if moment is not None), default=None)
        # Further off than that it never is, unless the clock was set back.
        if self._wake is None or now < self._wake <= now + REFRESH_USEC:
            return
        self._wake = now + REFRESH_USEC
        yield from self._missed(now)
        if not self._state.draining:
            yield from self._place(now)
        self._wake = max(now + _SECOND, min(self._moments(now)))

    def _look_for(self, event: Event, now: int) -> int | None:
        """When to look because of it; None when it changes nothing for who waits."""
        if self.latest is not None and _is_one_of_many(event):
            return self.latest.now + max(0, len(self._state.line) - MANY) * HOLD_OFF_USEC
        return now if isinstance(event, TaskQueued | TaskAltered | TaskEnded | Resumed) else None

    def _missed(self, now: int) -> Iterator[Event]:
        for task in self._state.line:
            deadline = _drops_at(task)
            if deadline is not None and deadline <= now:
                late = format_span((now - deadline) // _SECOND * _SECOND)
                message = f"its deadline passed {late} ago while it waited"
                yield TaskEnded(task.ended(never_ran(Result.DEADLINE, now, message)))

    def _place(self, now: int) -> Iterator[Event]:
        plan = self.latest = self._state.plan(now)
        for lease in plan.placed:
            task = self._state.line.find(lease.owner)
            if task is None:
                continue
            if lease.start <= now:
                yield TaskStarted(started(task, self._boot_id, now))
            elif task.promised_usec is None:
                yield TaskPromised(task.id, plan.promised.get(lease.owner, lease.start))

    def _moments(self, now: int) -> Iterator[int]:
        yield now + REFRESH_USEC
        yield from (deadline for task in self._state.line if (deadline := _drops_at(task)) is not None)
        if self.latest is not None and not self._state.draining:
            yield from (lease.start for lease in self.latest.placed if lease.start > now)


def never_ran(result: Result, now: int, message: str) -> Outcome:
    """How a task ends that waited and never started."""
    return Outcome(result=result, ended_usec=now, message=message, no_directory=True)


def _drops_at(task: Task) -> int | None:
    return None if task.runs_late else task.deadline_usec


def _is_one_of_many(event: Event) -> bool:
    """Whether it only adds to what waits, or takes away from it."""
    match event:
        case TaskQueued():
            return True
        case TaskEnded(task):
            return not task.has_run
        case _:
            return False
