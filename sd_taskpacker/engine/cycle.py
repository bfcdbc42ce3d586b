# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the queue makes of a turn: who of those that wait starts now, who is promised a start, who waited too long.

It looks once per turn, after everything that came in is decided, and only when that may have changed something for
those who wait, or when it is time: a promised start, a deadline, or after a while in any case, since what runs longer
than it should moves the plan without telling. While nothing waits it does nothing at all. Where the others come that
neither start nor are promised anything is nothing that has to be known here.

An end is followed at once. Where many wait, one more or one less of them is not: a client that queues thousands one
by one would else have thousands planned for each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.engine.drafting import started
from sd_taskpacker.engine.events import Event, Resumed, TaskAltered, TaskEnded, TaskPromised, TaskQueued, TaskStarted
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.quantities import format_span
from sd_taskpacker.model.task import Outcome, Result
from sd_taskpacker.plan.snapshot import Plan

_SECOND: Final = 1_000_000
REFRESH_USEC: Final = 300 * _SECOND
STORE_RETRY_USEC: Final = 5 * _SECOND
MANY: Final = 500
HOLD_OFF_USEC: Final = 40
"""For each one that waits beyond so many: about four times what its part of a look takes."""


KINDS_AT_ONCE: Final = 200
"""Kinds of tasks that wait, up to which a decision takes less than going to another thread and back."""


@dataclass(frozen=True, slots=True)
class Look:
    plan: Plan
    promise: int | None
    """The next start (usec) that was promised."""


Think = Callable[[Callable[[int], Look], int], Awaitable[Look]]
"""Calls it with `now` and answers what it answers. Nothing may change the state until it does."""


class Cycle:
    def __init__(self, state: State, boot_id: str, think: Think) -> None:
        self._state = state
        self._boot_id = boot_id
        self._think = think
        self._begun = False
        self._wake: int | None = None
        self.latest: Plan | None = None
        """What was decided last; None while nothing waits."""

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

    async def follow(self, events: Sequence[Event], now: int) -> AsyncIterator[Event]:
        """What follows from the turn's `events`. Each one is to be applied before the next one is asked for."""
        if not self._begun or not len(self._state.line):
            self.latest = None
            return
        asked = (self._wake, *(self._look_for(event, now) for event in events))
        self._wake = min((moment for moment in asked if moment is not None), default=None)
        # Further off than that it never is, unless the clock was set back.
        if self._wake is None or now < self._wake <= now + REFRESH_USEC:
            return
        self._wake = now + REFRESH_USEC
        for event in self._missed(now):
            yield event
        moments = [now + REFRESH_USEC, *(deadline for deadline, _ in self._state.line.dropping())]
        if not self._state.draining:
            quick = self._state.is_steady and len(self._state.line.standing.kinds) <= KINDS_AT_ONCE
            look = self._look(now) if quick else await self._think(self._look, now)
            self.latest = look.plan
            self._state.is_behind(look.plan.backlog, now)
            for event in self._decided(look.plan):
                yield event
            moments += () if look.promise is None else (look.promise,)
        self._wake = max(now + _SECOND, min(moments))

    def _look_for(self, event: Event, now: int) -> int | None:
        """When to look because of it; None when it changes nothing for who waits."""
        if self.latest is not None and _is_one_of_many(event):
            return self.latest.now + max(0, len(self._state.line) - MANY) * HOLD_OFF_USEC
        return now if isinstance(event, TaskQueued | TaskAltered | TaskEnded | Resumed) else None

    def _missed(self, now: int) -> Iterator[Event]:
        for deadline, task in self._state.line.dropping():
            if deadline <= now:
                late = (now - deadline) // _SECOND * _SECOND
                ago = f" {format_span(late)} ago" if late else ""
                message = f"its deadline passed{ago} while it waited"
                yield TaskEnded(task.ended(never_ran(Result.DEADLINE, now, message)))

    def _look(self, now: int) -> Look:
        """Changes nothing."""
        plan = self._state.starts(now)
        following = self._state.line.standing.promised_after(now)
        moments = [start for start in (following, *plan.promised.values()) if start is not None and start > now]
        return Look(plan, min(moments, default=None))

    def _decided(self, plan: Plan) -> Iterator[Event]:
        for lease in plan.placed:
            task = self._state.line.find(lease.owner)
            if task is not None:
                yield TaskStarted(started(task, self._boot_id, plan.now))
        for key, start in plan.promised.items():
            task = self._state.line.find(key)
            if task is not None:  # It does not start yet.
                yield TaskPromised(task.id, start)


def never_ran(result: Result, now: int, message: str) -> Outcome:
    """How a task ends that waited and never started."""
    return Outcome(result=result, ended_usec=now, message=message, no_directory=True)


def _is_one_of_many(event: Event) -> bool:
    """Whether it only adds to what waits, or takes away from it."""
    match event:
        case TaskQueued():
            return True
        case TaskEnded(task):
            return not task.has_run
        case _:
            return False
