# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a task that has run leaves behind: its record, its results, and what of both is kept for how long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sd_taskpacker.engine.events import Event, TaskDropped
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import NoRoom, Workdirs
from sd_taskpacker.engine.threads import in_thread, told
from sd_taskpacker.model.task import Task

log = logging.getLogger(__name__)

COLLECT_RETRY_SECONDS: Final = (1.0, 5.0)
NO_ROOM_SECONDS: Final = 5.0
"""Until what a full or read-only disk refused is tried again."""
PRUNE_SECONDS: Final = 0.2
"""In which what ends of one name is looked at together."""


class Leavings:
    """`remember` commits events, and tries until it can."""

    def __init__(self, loop: Loop, workdirs: Workdirs, remember: Callable[..., Awaitable[None]]) -> None:
        self._loop = loop
        self._workdirs = workdirs
        self._remember = remember
        self._pruning: set[str] = set()
        self._prune_again: set[str] = set()
        # Apart, so that none waits for another: clearing is as slow as the tree is large.
        self._sealing = ThreadPoolExecutor(4, thread_name_prefix="seal")
        self._clearing = ThreadPoolExecutor(2, thread_name_prefix="clear")

    async def seal(self, task: Task) -> bool:
        """False when there is no room for it now."""
        try:
            await in_thread(self._sealing, self._workdirs.seal, task)
        except NoRoom as error:
            self._loop.trouble.meet(task, error)
            return False
        except (OSError, LookupError) as error:
            log.error("%s: results/task.json could not be written: %s", task.id, told(error))
        self._loop.trouble.overcome(task)
        return True

    async def seal_at_last(self, task: Task) -> None:
        """As soon as there is room again, which what was collected may have made. What a read-only disk has kept from
        going goes then, too."""
        while True:
            await asyncio.sleep(NO_ROOM_SECONDS)
            if await self.seal(task):
                return await self.collect(task)

    async def collect(self, task: Task) -> None:
        left = await in_thread(self._clearing, self._workdirs.collect, task)
        for pause in COLLECT_RETRY_SECONDS:
            if left:
                await asyncio.sleep(pause)
                left = await in_thread(self._clearing, self._workdirs.collect, task)
        for text in left:
            log.warning("%s: left behind: %s", task.id, text)

    async def prune(self, task: Task) -> None:
        """One at a time for each name; who comes meanwhile makes the first one look again."""
        name = task.id.name
        self._prune_again.add(name)
        if name in self._pruning:
            return
        self._pruning.add(name)
        try:
            while name in self._prune_again:
                await asyncio.sleep(PRUNE_SECONDS)
                self._prune_again.discard(name)
                if await self._prune_some(task):
                    self._prune_again.add(name)
        finally:
            self._pruning.discard(name)

    async def _prune_some(self, task: Task) -> bool:
        """Whether anything was removed, so that there may be more."""
        name, keep_success, keep_failed = task.id.name, task.keep_success, task.keep_failed
        surplus = await self._loop.recall(
            lambda store: store.surplus(name, keep_success=keep_success, keep_failed=keep_failed)
        )
        removed: list[Event] = []
        for old in surplus:
            left = await in_thread(self._clearing, self._workdirs.remove, old)
            for text in left:
                log.warning("%s: not removed: %s", old.id, text)
            if not left:
                removed.append(TaskDropped(old.id))
        if removed:
            await self._remember(*removed)
        return bool(removed)
