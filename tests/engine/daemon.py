# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole engine over recording edges, running on the test's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sd_taskpacker.engine.chronicle import Chronicle
from sd_taskpacker.engine.desk import Desk
from sd_taskpacker.engine.herald import Herald
from sd_taskpacker.engine.life import Life
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Budget, Receipt, Remembered
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.turn import Numbered
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.unit import TaskUnit
from tests.engine.builders import BOOT, NOW, PLACE, catalogue, receipt
from tests.engine.fakes import (
    Diary,
    FakeAuthority,
    FakeCommands,
    FakeJournal,
    FakeLauncher,
    FakeMachine,
    FakeReceipts,
    FakeSignals,
    FakeStore,
    FakeUnits,
    FakeWitness,
    FakeWorkdirs,
)


class Daemon:
    def __init__(
        self, *units: TaskUnit, remembered: Remembered | None = None, chunks: int = 32, cpus: int = 4
    ) -> None:
        self.diary = Diary()
        self.now = NOW
        self.store = FakeStore(self.diary, remembered)
        self.launcher = FakeLauncher(self.diary)
        self.workdirs = FakeWorkdirs(self.diary)
        self.receipts = FakeReceipts(self.diary)
        self.commands = FakeCommands()
        self.witness = FakeWitness()
        self.units = FakeUnits(catalogue(*units))
        self.machine = FakeMachine(Budget(memory=chunks * CHUNK_BYTES, cpus=cpus))
        self.signals = FakeSignals(self.diary)
        self.authority = FakeAuthority()
        self.place, self.flaw = PLACE, ""
        self.loop = Loop(State(self.store.load(), self.machine.budget()), self.store, lambda: self.now, boot_id=BOOT)
        self.journal = FakeJournal()
        self.chronicle = Chronicle(self.journal)
        self.herald = Herald(self.loop.state, self.signals, lambda: asyncio.sleep(0))
        self.life = Life(
            self.loop,
            launcher=self.launcher,
            workdirs=self.workdirs,
            receipts=self.receipts,
            commands=self.commands,
            witness=self.witness,
            herald=self.herald,
        )
        self.desk = Desk(
            self.loop,
            lambda: (self.place, self.flaw),
            units=self.units,
            machine=self.machine,
            launcher=self.launcher,
            workdirs=self.workdirs,
            chronicle=self.chronicle,
            authority=self.authority,
        )
        self.desk.show = self.signals.figures_changed
        self.launcher.ended = self.life.unit_over

    def end(self, task_id: str, left: Receipt | None = None, note: str = "") -> None:
        """The task's unit is over and PID 1 has left this receipt."""
        wanted = TaskId.parse(task_id)
        self.receipts.box[wanted.unit_name] = left or receipt()
        self.launcher.ended(wanted, note)

    async def resume(self) -> None:
        """Takes up what an earlier daemon left, and is heard from then on."""
        await self.life.resume(BOOT)
        self.herald.announce()

    async def until(self, entry: str) -> None:
        """Waits for a diary entry; a test that waits in vain ends by the timeout with the diary shown."""
        await self.sees(lambda: entry in self.diary)

    async def sees(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"never seen; the diary says {list(self.diary)}")


@asynccontextmanager
async def running(daemon: Daemon, *, resumed: bool = True) -> AsyncIterator[Daemon]:
    """`resumed` False: the test itself calls `resume`; until `loop.begin_cycles` nothing that waits starts."""

    def act(events: Sequence[Numbered]) -> None:
        daemon.chronicle.act(events)
        daemon.life.act(events)
        daemon.desk.act(events)

    turns = asyncio.create_task(daemon.loop.run(act))
    telling = asyncio.create_task(daemon.herald.run())
    # A loop that fails answers nobody any more: the test, which would wait for ever, fails with what it failed of.
    test = asyncio.current_task()
    assert test is not None
    turns.add_done_callback(lambda over: over.cancelled() or test.cancel())
    if resumed:
        daemon.herald.announce()
        await daemon.loop.begin_cycles()
    try:
        yield daemon
    finally:
        turns.cancel()
        telling.cancel()
        await asyncio.wait([turns, telling])
        if not turns.cancelled():
            turns.result()
