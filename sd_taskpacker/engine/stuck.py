# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tasks that were started and whose directory finds no room: they have a lease, and systemd knows nothing of them. So
nobody can send them a signal; who wants one of them ended has it given up here."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Outcome


class _Case:
    def __init__(self) -> None:
        self.given_up: Outcome | None = None
        self.wake = asyncio.Event()
        self.over = asyncio.Event()


class Stuck:
    """Launching holds a task here from its first try that found no room until systemd is asked, or its end is
    remembered. All of it is on the event loop."""

    def __init__(self) -> None:
        self._cases: dict[TaskId, _Case] = {}

    def __contains__(self, task_id: TaskId) -> bool:
        return task_id in self._cases

    async def pause(self, task_id: TaskId, seconds: float) -> None:
        """Shorter when it is given up meanwhile."""
        case = self._cases.setdefault(task_id, _Case())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await case.wake.wait()

    def given_up(self, task_id: TaskId) -> Outcome | None:
        """How it is to end; None while nobody wants that."""
        case = self._cases.get(task_id)
        return case.given_up if case else None

    def free(self, task_id: TaskId) -> None:
        """It goes on to systemd, or its end is remembered."""
        case = self._cases.pop(task_id, None)
        if case:
            case.over.set()

    async def give_up(self, task_id: TaskId, outcome: Outcome) -> bool:
        """False where it is not stuck; else returns once that it has ended is remembered. The first order counts."""
        case = self._cases.get(task_id)
        if case is None:
            return False
        case.given_up = case.given_up or outcome
        case.wake.set()
        await case.over.wait()
        return True
