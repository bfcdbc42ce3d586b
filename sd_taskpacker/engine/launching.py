# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task's way into systemd: its work directory is made, then its unit, which gets the output file open.

A task whose directory finds no room on the disk waits for it, with its lease: it was accepted. Meanwhile somebody may
give it up (engine.stuck).
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Commands, Launcher, NoRoom, Output, StartRefused, Workdirs
from sd_taskpacker.engine.threads import in_thread, told
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Outcome, Result, Task

log = logging.getLogger(__name__)

LAUNCHES_AT_ONCE: Final = 32
NO_ROOM_SECONDS: Final = 5.0
"""Until a directory that found no room is made again."""


class Launching:
    """`end` remembers how a task ended that could not be started."""

    def __init__(
        self,
        loop: Loop,
        launcher: Launcher,
        workdirs: Workdirs,
        commands: Commands,
        end: Callable[[TaskId, Outcome], Awaitable[None]],
    ) -> None:
        self._loop = loop
        self._launcher = launcher
        self._workdirs = workdirs
        self._commands = commands
        self._end = end
        # Each holds a descriptor from its directory's making until systemd has it.
        self._launches = asyncio.Semaphore(LAUNCHES_AT_ONCE)
        self._starting = ThreadPoolExecutor(4, thread_name_prefix="start")

    async def launch(self, task: Task) -> None:
        """Returns when systemd has taken it, or its end is remembered."""
        await self._launch(task, again=False)

    async def launch_again(self, task: Task) -> None:
        """One that an earlier daemon may have begun to launch."""
        await self._launch(task, again=True)

    async def _launch(self, task: Task, *, again: bool) -> None:
        stuck = self._loop.stuck
        while isinstance(refused := await self._try(task, again=again), NoRoom):
            self._loop.trouble.meet(task, refused)
            await stuck.pause(task.id, NO_ROOM_SECONDS)
            again = True
        self._loop.trouble.overcome(task)
        if refused:
            await self._end(task.id, refused)
        stuck.free(task.id)

    async def _try(self, task: Task, *, again: bool) -> Outcome | NoRoom | None:
        async with self._launches:
            try:
                if again:
                    await self._tidy(task)
                if given_up := self._loop.stuck.given_up(task.id):
                    return given_up
                output = await in_thread(self._starting, self._prepare, task)
            except NoRoom as error:
                return error
            except (OSError, LookupError) as error:
                return self._not_started(error, no_directory=True)
            except Exception as error:  # Whatever it is: nobody else would ever end the task, or give back its lease.
                log.exception("%s: its directory cannot be made; this is a bug", task.id)
                return self._not_started(error, no_directory=True)
            if given_up := self._loop.stuck.given_up(task.id):
                output.close()
                return dataclasses.replace(given_up, no_directory=False)
            # From here on a signal reaches it, or will in a moment.
            self._loop.stuck.free(task.id)
            return await self._hand_over(task, output)

    def _prepare(self, task: Task) -> Output:
        self._commands.write(task)
        return self._workdirs.prepare(task)

    async def _hand_over(self, task: Task, output: Output) -> Outcome | None:
        with closing(output):
            try:
                await self._launcher.start(task, output.fileno())
            except (OSError, StartRefused) as error:
                return self._not_started(error)
        return None

    async def _tidy(self, task: Task) -> None:
        """An earlier try may have come as far as making the directory. Any other one that is there is not ours."""
        if await in_thread(self._starting, self._workdirs.unused, task):
            await in_thread(self._starting, self._workdirs.remove, task)

    def _not_started(self, error: Exception, *, no_directory: bool = False) -> Outcome:
        return Outcome(
            result=Result.COULD_NOT_START,
            ended_usec=self._loop.clock(),
            message=told(error),
            no_directory=no_directory,
        )
