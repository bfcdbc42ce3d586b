# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan of everything, for whoever asks: where each task that waits comes, not only who starts now.

It may take seconds where very many wait. So it is made only when somebody asks, of a snapshot, in a thread, one at a
time; whoever asks meanwhile gets the same one, and so does whoever asks soon after while nothing has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.threads import in_thread
from sd_taskpacker.model.task import Task
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.snapshot import Plan, Snapshot

KEPT_USEC: Final = 3_000_000
"""So long a plan is taken for the present one while nothing happens: time itself moves what runs too long."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WholePlan:
    """The keys in both are ids of `tasks`."""

    snapshot: Snapshot
    plan: Plan
    tasks: tuple[Task, ...]
    draining: bool


@dataclass(slots=True)
class _Making:
    """One that is being made or was made. `epoch`: how much had happened when its snapshot was taken."""

    work: asyncio.Future[WholePlan]
    epoch: int
    made_usec: int | None = None

    def serves(self, epoch: int, now: int) -> bool:
        """Whether it tells who asks now all that had happened up to `epoch`."""
        if self.epoch < epoch or (self.work.done() and (self.work.cancelled() or self.work.exception())):
            return False
        return self.made_usec is None or 0 <= now - self.made_usec < KEPT_USEC


class WholePlans:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._epoch = 0
        self._latest: _Making | None = None
        # Drawing is done here too: two at once would only take the interpreter from the loop more often.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="plan")

    def outdate(self) -> None:
        """Something has happened: who asks from now on wants to see it."""
        self._epoch += 1

    async def get(self) -> WholePlan:
        """One that knows all that had happened when it was asked for."""
        epoch = self._epoch
        while True:
            latest = self._latest
            if latest is None or not latest.serves(epoch, self._loop.clock()):
                if latest is not None and not latest.work.done():
                    await asyncio.wait([latest.work])
                    continue
                latest = self._latest = self._begin()
            # Whoever goes away must not take it from the others.
            return await asyncio.shield(latest.work)

    async def draw(self, render: Callable[[WholePlan], _T]) -> _T:
        """What `render` makes of it, in the same thread."""
        return await in_thread(self._pool, render, await self.get())

    async def make(self, snapshot: Snapshot) -> Plan:
        """Of something else than what is, in the same thread."""
        return await in_thread(self._pool, plan, snapshot)

    def _begin(self) -> _Making:
        state = self._loop.state
        snapshot = state.snapshot(self._loop.clock())
        tasks, draining = tuple(state.open_tasks()), state.draining

        def make() -> WholePlan:
            return WholePlan(snapshot=snapshot, plan=plan(snapshot), tasks=tasks, draining=draining)

        making = _Making(asyncio.ensure_future(in_thread(self._pool, make)), self._epoch)
        making.work.add_done_callback(lambda _: self._note_end(making))
        return making

    def _note_end(self, making: _Making) -> None:
        making.made_usec = self._loop.clock()
