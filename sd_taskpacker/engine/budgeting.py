# SPDX-License-Identifier: LGPL-2.1-or-later
"""The budget, read again while the service runs: it is in force once the slices carry it, and until then the old one.

One that shrinks below what running tasks claim is for those who come: nothing further starts, but the slices are not
made smaller than what runs was promised, or the kernel would kill for memory what had started in good order. They
follow as tasks end.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence

from sd_taskpacker.engine.chronicle import Chronicle
from sd_taskpacker.engine.events import TaskEnded
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Budget, Launcher, Machine
from sd_taskpacker.engine.turn import Numbered
from sd_taskpacker.errors import TaskpackerError
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.resource import MEMORY
from sd_taskpacker.plan.reasons import too_large

log = logging.getLogger(__name__)


class Budgeting:
    """`changed` is called when another budget is in force."""

    def __init__(
        self,
        loop: Loop,
        machine: Machine,
        launcher: Launcher,
        chronicle: Chronicle,
        changed: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._machine = machine
        self._launcher = launcher
        self._chronicle = chronicle
        self._changed = changed
        self._carried: int | None = None
        """Bytes that the slices carry; None while only an earlier daemon knows."""
        self._lowering: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Puts the first one on the slices. Raises TaskpackerError."""
        await self._enforce(self._loop.state.budget)

    async def refresh(self) -> None:
        """Reads it again; what cannot be read or enforced leaves the old one in force."""
        try:
            budget = await asyncio.to_thread(self._machine.budget)
            if budget == self._loop.state.budget:
                return
            await self._enforce(budget)
        except (OSError, TaskpackerError) as error:
            log.error("the budget stays as it was: %s", error)
            return
        await self._loop.take_budget(budget)
        self._chronicle.budget(budget)
        self._warn_of_stranded()
        self._changed()

    def act(self, events: Sequence[Numbered]) -> None:
        """What remembered events ask for: an end lets slices shrink that are larger than the budget."""
        above = self._carried is not None and self._carried > self._loop.state.budget.memory
        if above and self._lowering is None and any(isinstance(event, TaskEnded) for _, event in events):
            self._lowering = asyncio.get_running_loop().create_task(self._lower())

    async def _lower(self) -> None:
        try:
            # More may end while systemd is asked.
            while max(self._loop.state.budget.memory, self._claimed()) != self._carried:
                await self._enforce(self._loop.state.budget)
        except TaskpackerError as error:  # With the next end it is tried again.
            log.error("the slices stay larger than the budget: %s", error)
        finally:
            self._lowering = None

    async def _enforce(self, budget: Budget) -> None:
        """Raises TaskpackerError."""
        memory = max(budget.memory, self._claimed())
        if memory > budget.memory and memory != self._carried:
            log.info("running tasks claim more than the budget; until they end their slice has %d MiB", memory >> 20)
        await self._launcher.enforce(dataclasses.replace(budget, memory=memory))
        self._carried = memory

    def _claimed(self) -> int:
        """Bytes that running tasks may count on. Workorders may claim more than there ever was: that is no reason to
        make the slices larger than they are."""
        claimed = sum(task.claims.get(MEMORY, 0) for task in self._loop.state.running()) * CHUNK_BYTES
        return claimed if self._carried is None else min(claimed, self._carried)

    def _warn_of_stranded(self) -> None:
        """They are kept, for a budget that shrank may grow again; but nobody who waits for them would know."""
        state = self._loop.state
        capacity = state.capacity()
        stranded = [task.id for task in state.line if too_large(task.claims, capacity)]
        if stranded:
            log.warning(
                "%d waiting tasks want more than the whole budget, the first of them %s: they wait until it grows, "
                "their size is changed or they are cancelled",
                len(stranded),
                stranded[0],
            )
