# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells everybody what is remembered, in its order and no faster than the bus takes it.

Orders may end tens of thousands at once (a root is decommissioned, say). Their signals, all made at the same time,
would take more memory than the daemon may have, and nobody else would be answered until the last of them was made.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from sd_taskpacker.engine.manager import Signals
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind

AT_ONCE: Final = 20
"""Pieces of news that are told before whoever only looks is answered."""

Tell = Callable[[], None]


class Herald:
    """`room` returns when the bus takes more, and lets everybody else have a turn before it does."""

    def __init__(self, state: State, signals: Signals, room: Callable[[], Awaitable[None]]) -> None:
        self._state = state
        self._signals = signals
        self._room = room
        self._news: deque[Tell] = deque()
        self._any = asyncio.Event()
        self._heard = asyncio.Event()

    def announce(self) -> None:
        """Whoever listens hears us from now on. What was remembered earlier is told now, and only then closed: an end
        that nobody could hear would be told to nobody."""
        self._heard.set()

    def changed(self, sequence: int, task: Task) -> None:
        """TaskChanged: it is now in the state that `task` tells."""
        self._add(partial(self._signals.task_changed, sequence, task))

    async def ended(self, *tasks: Task) -> None:
        """BatchComplete or BatchFailed, of those that are batch. Returns when all of it is told and has left:
        a daemon that is killed then has closed nothing that nobody was told of. Raises Unreachable."""
        told = asyncio.Event()
        for task in tasks:
            if task.kind is Kind.BATCH:
                self._add(partial(self._tell_end, task))
        self._add(told.set)
        await told.wait()
        await self._signals.sent()

    async def run(self) -> None:
        """Until cancelled."""
        await self._heard.wait()
        while True:
            await self._any.wait()
            for _ in range(min(AT_ONCE, len(self._news))):
                self._news.popleft()()
            if not self._news:
                self._any.clear()
            await self._room()

    def _tell_end(self, task: Task) -> None:
        self._signals.batch_ended(task, self._state.slots())

    def _add(self, tell: Tell) -> None:
        self._news.append(tell)
        self._any.set()
