# SPDX-License-Identifier: LGPL-2.1-or-later
"""A launcher on the same bus as a recording systemd, and what it told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.systemd import Systemd
from sd_taskpacker.model.task import Task
from tests.bus.builders import a_task, a_workorder
from tests.bus.systemd_mock import SystemdMock

BATCH, WORKORDER = a_task("massif-x@1"), a_workorder("build@1")
BATCH_UNIT, WORKORDER_UNIT = BATCH.id.unit_name, WORKORDER.id.unit_name


@dataclass
class Bench:
    bus: Connection
    mock: SystemdMock
    launcher: Systemd
    output: int
    ends: list[tuple[str, str]] = field(default_factory=list)

    async def start(self, task: Task) -> None:
        await self.launcher.start(task, self.output)

    async def settle(self) -> None:
        """Returns when everything that was sent is read and nothing is being looked up."""
        await self.mock.bus.ask_bus("GetId", "")
        await self.bus.ask_bus("GetId", "")
        while self.launcher._ends._looks:
            await asyncio.gather(*self.launcher._ends._looks)
        await self.mock.bus.ask_bus("GetId", "")
        await self.bus.ask_bus("GetId", "")
