# SPDX-License-Identifier: LGPL-2.1-or-later
"""History is kept for a while and not for ever. What is too old goes in small steps, with pauses in which the store
serves everybody else; when all of it is gone, one look an hour is enough.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.errors import Internal
from sd_taskpacker.model.config import History
from sd_taskpacker.model.serials import day_of

log = logging.getLogger(__name__)

AT_MOST: Final = 500
"""Lines in one step, which takes the store a few milliseconds."""
STEP_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 3600.0
_DAY_USEC: Final = 86_400 * 1_000_000


class Retention:
    """`history` is what the configuration says, and may be replaced at any time."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.history = History()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                more = await self.step()
            except Internal as error:
                log.warning("old history is not removed: %s", error)
                more = False
            await asyncio.sleep(STEP_SECONDS if more else LOOK_SECONDS)

    async def step(self) -> bool:
        """Whether there may be more to remove. Raises Internal."""
        before = self._loop.clock() - self.history.days * _DAY_USEC
        keep = self.history.events
        more = await self._loop.recall(lambda store: store.forget(before=before, keep=keep, at_most=AT_MOST))
        return more or await self._forget_names(day_of(before))

    async def _forget_names(self, before: str) -> bool:
        """Tasks that ask for tasks make new names without end. A name that comes back begins with the numbers of that
        day, behind the directories that are there (engine.past), so that no version is given twice."""
        names = await self._loop.recall(lambda store: store.forget_names(before=before, at_most=AT_MOST))
        self._loop.state.forget_names(names, before)
        return len(names) == AT_MOST
