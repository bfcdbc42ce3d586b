# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task's way through the edges: launch, end, announcement, collection. Also what a new daemon finds of it.

Three orders never change: a start is committed before systemd hears of it; an end is committed before the
unit is released; BatchComplete and BatchFailed go out only after the commit of the end.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sd_taskpacker.engine.events import (
    Event,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskFound,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.found import task_of
from sd_taskpacker.engine.herald import Herald
from sd_taskpacker.engine.launching import Launching
from sd_taskpacker.engine.leavings import Leavings
from sd_taskpacker.engine.loop import STORE_RETRY_SECONDS, Loop
from sd_taskpacker.engine.outcome import judge, may_be_spawn_error
from sd_taskpacker.engine.ports import (
    UNSURE,
    Commands,
    Launcher,
    ObservedUnit,
    Receipt,
    Receipts,
    Witness,
    Workdirs,
)
from sd_taskpacker.engine.restart import Step, next_step
from sd_taskpacker.engine.retry import next_try
from sd_taskpacker.engine.threads import in_thread
from sd_taskpacker.engine.turn import Decide, Decision, Numbered
from sd_taskpacker.errors import LimitExceeded, TaskpackerError
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Outcome, Result, Task, TaskState

log = logging.getLogger(__name__)

RESUME_SECONDS: Final = 20.0


class Life:
    def __init__(
        self,
        loop: Loop,
        *,
        launcher: Launcher,
        workdirs: Workdirs,
        receipts: Receipts,
        commands: Commands,
        witness: Witness,
        herald: Herald,
    ) -> None:
        self._loop = loop
        self._launcher = launcher
        self._workdirs = workdirs
        self._receipts = receipts
        self._witness = witness
        self._herald = herald
        self._leavings = Leavings(loop, workdirs, self._remember)
        self._underway: set[asyncio.Task[None]] = set()
        self._commands = commands
        self._launching = Launching(loop, launcher, workdirs, commands, self._end)
        # Apart, so that none waits for another: journald may lag.
        self._ending = ThreadPoolExecutor(4, thread_name_prefix="end")
        self._asking = ThreadPoolExecutor(2, thread_name_prefix="journal")

    def act(self, events: Sequence[Numbered]) -> None:
        """What remembered events ask of the edges. Those of one turn may come in several parts."""
        never_ran = []
        for number, event in events:
            match event:
                case TaskQueued(task):
                    # The promise comes with the same commit, so that it is told with it, too.
                    now = self._loop.state.task(task.id) or task
                    self._herald.changed(number, dataclasses.replace(task, promised_usec=now.promised_usec))
                case TaskStarted(task):
                    self._herald.changed(number, task)
                    self._go(self._launching.launch(task))
                case TaskFound(task):
                    self._herald.changed(number, task)
                case TaskEnded(task):
                    self._herald.changed(number, task)
                    if task.has_run:
                        self._go(self._finish(task))
                    else:
                        never_ran.append(task)
                case _:
                    pass
        if never_ran:
            self._go(self._close(never_ran))

    def unit_over(self, task_id: TaskId, note: str) -> None:
        """The launcher's callback: no process of the task is left."""
        self._go(self._judge(task_id, note))

    async def resume(self, boot_id: str) -> None:
        """Takes up every open task where an earlier daemon left it; returns when each is under way again, and what
        has ended meanwhile is known to have: a root among them is to be started anew. What waits goes on waiting:
        it may start once all this is done (Loop.begin_cycles). What has ended is told when the herald is heard."""
        observed = {unit.id: unit for unit in await self._launcher.observe()}
        ends: list[asyncio.Task[None]] = []
        begun = [task for task in self._loop.state.open_tasks() if task.state is not TaskState.WAITING]
        # Read beforehand, so that nothing comes between one adoption and the next, and all are adopted together.
        receipts = await asyncio.gather(*(self._receipt(task.id) for task in begun))
        for task, receipt in zip(begun, receipts, strict=True):
            ends += await self._take_up(task, boot_id, observed.pop(task.id, None), receipt)
        ends += [self._go(self._take_in(unit, boot_id)) for unit in observed.values()]
        if ends:
            # A store that refuses must not keep the service from coming up and saying so.
            await asyncio.wait(ends, timeout=RESUME_SECONDS)

    async def _take_in(self, unit: ObservedUnit, boot_id: str) -> None:
        """Of a unit that systemd has and we know nothing of."""
        found = await self._launcher.inspect(unit.id)
        if found is None:
            log.warning("%s: systemd has its unit, which we did not make; left alone", unit.id)
            return
        task = task_of(found, boot_id, self._loop.clock())
        log.error("%s: systemd has its unit and its record is lost; recorded anew, without its parameters", task.id)
        await self._remember(TaskFound(task))
        await asyncio.gather(*await self._take_up(task, boot_id, unit, await self._receipt(task.id)))

    async def _take_up(
        self, task: Task, boot_id: str, unit: ObservedUnit | None, receipt: Receipt | None
    ) -> list[asyncio.Task[None]]:
        """Answers what is on its way to a committed end."""
        step = next_step(
            task,
            boot_id=boot_id,
            alive=unit is not None and unit.alive,
            loaded=unit is not None,
            receipt=receipt is not None,
            began=await self._began(task, boot_id, traces=unit is not None or receipt is not None),
        )
        log.info("%s: %s", task.id, step.name.lower())
        match step:
            case Step.FINISH:
                self._go(self._finish(task) if task.has_run else self._close([task]))
            case Step.LOST:
                message = "the machine went down under it" if task.boot_id != boot_id else "its unit vanished"
                lost = Outcome(result=Result.LOST, ended_usec=self._loop.clock(), message=message)
                return [self._go(self._end(task.id, lost))]
            case Step.ADOPT:
                await self._launcher.adopt(task)
            case Step.JUDGE:
                return [self._go(self._judge(task.id, ""))]
            case Step.LAUNCH:
                self._go(self._launching.launch_again(task))
        return []

    async def _began(self, task: Task, boot_id: str, *, traces: bool) -> bool | None:
        """The journal is read only where nothing else tells."""
        silent = any(name == "LogLevelMax" for name, _ in task.properties)  # systemd then says nothing of the unit.
        if traces or silent or task.outcome is not None or task.boot_id != boot_id:
            return None
        return await in_thread(self._asking, self._witness.began, task.id.unit_name)

    async def _judge(self, task_id: TaskId, note: str) -> None:
        receipt = await self._receipt(task_id)
        if receipt is None and note == UNSURE and (task := await self._never_began(task_id)):
            log.warning("%s: its start did not reach systemd; it is started again", task_id)
            return await self._launching.launch_again(task)
        spawn_error = None
        if may_be_spawn_error(receipt):
            spawn_error = await in_thread(self._asking, self._witness.spawn_error, task_id.unit_name)
        await self._end(task_id, judge(receipt, note=note, spawn_error=spawn_error, now=self._loop.clock()))

    async def _never_began(self, task_id: TaskId) -> Task | None:
        """The task, if systemd has certainly not dealt with its unit."""
        task = self._loop.state.task(task_id)
        if task is None or await self._began(task, task.boot_id, traces=False) is not False:
            return None
        return task

    async def _receipt(self, task_id: TaskId) -> Receipt | None:
        try:
            return await in_thread(self._ending, self._receipts.read, task_id.unit_name)
        except OSError as error:
            log.error("%s: its receipt cannot be read: %s", task_id, error)
            return None

    async def _forget_unit(self, task_id: TaskId) -> None:
        """What systemd left for us, and we for it."""
        try:
            await in_thread(self._ending, self._remove_files, task_id)
        except OSError as error:  # They lie in /run, and no other task ever has its name.
            log.error("%s: its receipt cannot be removed: %s", task_id, error)

    def _remove_files(self, task_id: TaskId) -> None:
        self._receipts.discard(task_id.unit_name)
        self._commands.remove(task_id)

    async def _end(self, task_id: TaskId, outcome: Outcome) -> None:
        def decide(now: int) -> Decision:
            task = self._loop.state.task(task_id)
            if task is None or task.outcome is not None:
                return Decision()
            over = task.ended(outcome)
            again = next_try(self._loop.state, over, now, secrets=task.secrets)
            return Decision([TaskEnded(over), TaskQueued(again)] if again else [TaskEnded(over)])

        async def make_room() -> None:
            """What fills the disk may be this task's own, which goes anyway now that its unit is over."""
            if task := self._loop.state.task(task_id):
                await self._leavings.collect(task)

        await self._insist(decide, refused=make_room)

    async def _finish(self, task: Task) -> None:
        has_directory = task.outcome is None or not task.outcome.no_directory
        sealed = not has_directory or await self._leavings.seal(task)
        await self._herald.ended(task)
        await self._launcher.release(task.id)
        await self._forget_unit(task.id)
        if not has_directory:
            return await self._remember(TaskClosed(task.id), TaskDropped(task.id))
        await self._leavings.collect(task)
        if not sealed:
            await self._leavings.seal_at_last(task)
        await self._remember(TaskClosed(task.id))
        await self._leavings.prune(task)

    async def _close(self, never_ran: Sequence[Task]) -> None:
        """Those that ended while they waited: maybe very many at once, and nothing is left of them anywhere."""
        await self._herald.ended(*never_ran)
        await self._remember(*(event(task.id) for task in never_ran for event in (TaskClosed, TaskDropped)))

    async def _remember(self, *events: Event) -> None:
        """What nobody waits for: a turn less for each task that was closed."""
        await self._insist(lambda now: Decision(events), hurried=False)

    async def _insist(
        self, decide: Decide, *, hurried: bool = True, refused: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """What happened cannot be refused: until the store takes it, systemd and the receipt keep it for us.
        `refused` is called each time that it does not."""
        while True:
            try:
                await self._loop.ask(decide, hurried=hurried)
            except LimitExceeded:  # The loop has told why.
                if refused:
                    await refused()
                await asyncio.sleep(STORE_RETRY_SECONDS)
            else:
                return

    def _go(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._underway.add(task)
        task.add_done_callback(self._gone)
        return task

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._underway.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, TaskpackerError):  # The bus is gone, say; the next daemon takes the task up from there.
            log.error("%s", error)
        else:
            log.error("a task's step failed; this is a bug", exc_info=error)
