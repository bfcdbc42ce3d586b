# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units with Root=yes, which are started with the daemon. One that finds no room waits like any other task; one
that is not taken, since the service is drained or its disk is full, is owed until that is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from sd_taskpacker.engine.admission import Admission
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.errors import LimitExceeded, TaskpackerError
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.unit import Catalogue, TaskUnit

log = logging.getLogger(__name__)

ROOT_CALLER: Final = Caller(uid=0, may_manage=True, may_submit=True)
"""The daemon itself."""


class Roots:
    """`catalogue` reads the units that are on disk now; `start` starts one, or queues it until there is room."""

    def __init__(
        self,
        loop: Loop,
        catalogue: Callable[[], Awaitable[Catalogue]],
        start: Callable[[TaskUnit, Request], Awaitable[Admission]],
    ) -> None:
        self._loop = loop
        self._catalogue = catalogue
        self._start = start
        self._owed: set[str] = set()
        self._paying: asyncio.Task[None] | None = None

    async def start_all(self, boot_id: str) -> None:
        """Each one that neither runs in this boot nor waits; what cannot start is logged, the others start."""
        catalogue = await self._catalogue()
        await self._start_each([unit for unit in catalogue.units.values() if unit.root], boot_id)

    def pay(self, boot_id: str) -> None:
        """Tries those again that are owed, as what was in their way may be gone."""
        if self._owed and self._paying is None:
            self._paying = asyncio.get_running_loop().create_task(self._pay(boot_id))

    async def _pay(self, boot_id: str) -> None:
        owed, self._owed = self._owed, set()
        try:
            catalogue = await self._catalogue()
            await self._start_each(
                [unit for unit in catalogue.units.values() if unit.root and unit.name in owed], boot_id
            )
        finally:
            self._paying = None

    async def _start_each(self, units: Collection[TaskUnit], boot_id: str) -> None:
        state = self._loop.state
        # What ran before a reboot is lost, and may not have been told so yet.
        there = {task.id.name for task in state.running() if task.boot_id == boot_id}
        there |= {task.id.name for task in state.line}
        for unit in units:
            if unit.name in there or state.is_decommissioned(unit.name):
                continue
            try:
                admission = await self._start(unit, Request(unit.name, {}, {}))
            except LimitExceeded as error:
                self._owed.add(unit.name)
                log.warning("root %s: not started yet, tried again when that is over: %s", unit.name, error)
            except TaskpackerError as error:
                log.error("root %s: %s", unit.name, error)
            else:
                for label, reasons in admission.rejected:
                    log.warning("root %s: not started: %s", label, "; ".join(reason.text for reason in reasons))
