# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people order: of one task, of a root, of everything. Each checks who orders it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import signal as signals_of
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sd_taskpacker.engine.altering import altered, goes_before
from sd_taskpacker.engine.cycle import never_ran
from sd_taskpacker.engine.events import (
    Drained,
    Event,
    Resumed,
    RootDecommissioned,
    RootRecommissioned,
    TaskAltered,
    TaskEnded,
)
from sd_taskpacker.engine.inquiries import Inquiries
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Launcher
from sd_taskpacker.engine.rights import Rights, must_own
from sd_taskpacker.engine.turn import Decision
from sd_taskpacker.errors import InvalidArgs, LimitExceeded, NoSuchUnit, WrongState
from sd_taskpacker.model.names import MAX_COMPONENT, TaskId
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Result, Task, TaskState
from sd_taskpacker.model.unit import Catalogue
from sd_taskpacker.model.values import Value

log = logging.getLogger(__name__)

_HARMLESS: Final = frozenset({"USR1", "USR2", "CONT", "STOP", "TSTP", "WINCH", "URG", "CHLD"})
"""Signals that nobody sends to end a task."""
LAUNCH_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""How long to wait, again and again, for the processes of a task that was just started."""


class Orders:
    """`catalogue` reads the units that are on disk now."""

    def __init__(
        self,
        loop: Loop,
        inquiries: Inquiries,
        launcher: Launcher,
        rights: Rights,
        catalogue: Callable[[], Awaitable[Catalogue]],
    ) -> None:
        self._loop = loop
        self._inquiries = inquiries
        self._launcher = launcher
        self._rights = rights
        self._catalogue = catalogue

    async def cancel(self, caller: Caller, task_id: str) -> None:
        wanted, hint = (await self._inquiries.get_task(task_id)).id, "Kill ends what runs"
        stuck = self._loop.state.task(wanted) if wanted in self._loop.stuck else None
        permitted = await self._rights.owner(caller, stuck or self._waiting(wanted, hint), "cancel")
        if await self._give_up(wanted, caller):
            return

        def decide(now: int) -> Decision:
            task = self._waiting(wanted, hint)
            must_own(permitted, task, "cancel")
            ended = never_ran(Result.CANCELLED, now, f"uid {caller.uid} cancelled it while it waited")
            return Decision([TaskEnded(task.ended(ended))])

        await self._loop.ask(decide)
        log.info("%s: cancelled by uid %d", wanted, caller.uid)

    async def set_task_properties(self, caller: Caller, task_id: str, properties: Mapping[str, Value]) -> None:
        wanted, hint = (await self._inquiries.get_task(task_id)).id, "only what waits can be changed"
        permitted = await self._may_change(caller, self._waiting(wanted, hint), properties)

        def decide(now: int) -> Decision:
            task = self._waiting(wanted, hint)
            must_own(permitted, task, "change")
            changed = altered(self._loop.state, task, properties, permitted, now)
            return Decision([] if changed == task else [TaskAltered(changed)])

        await self._loop.ask(decide, plans="deadline" in properties)
        log.info("%s: uid %d sets %s", wanted, caller.uid, ", ".join(properties))

    async def kill(self, caller: Caller, task_id: str, signal: str) -> None:
        name = signal_name(signal)
        task = await self._inquiries.get_task(task_id)
        if task.state is TaskState.WAITING:
            raise WrongState(f"{task.id} waits and has no process", hint="Cancel takes it out of the queue")
        if task.outcome is not None:
            raise WrongState(f"{task.id} has ended already")
        await self._rights.owner(caller, task, "kill")
        if name not in _HARMLESS and await self._give_up(task.id, caller):
            return
        log.info("%s: uid %d sends SIG%s", task.id, caller.uid, name)
        if name not in _HARMLESS:
            await self._let_it_be_the_last_try(task.id)
        await self._kill(task.id, name)

    async def _give_up(self, task_id: TaskId, caller: Caller) -> bool:
        """Of one that has started and finds no room for its directory; False for all others."""
        message = f"uid {caller.uid} cancelled it while its directory found no room"
        given_up = await self._loop.stuck.give_up(task_id, never_ran(Result.CANCELLED, self._loop.clock(), message))
        if given_up:
            log.info("%s: cancelled by uid %d", task_id, caller.uid)
        return given_up

    async def _kill(self, task_id: TaskId, signal: str) -> None:
        """A task runs from the decision on, and has no process before systemd has made one."""
        for pause in LAUNCH_SECONDS:
            try:
                return await self._launcher.kill(task_id, signal)
            except WrongState:
                task = self._loop.state.task(task_id)
                if task is None or task.outcome is not None:
                    raise
                await asyncio.sleep(pause)
        await self._launcher.kill(task_id, signal)

    async def decommission(self, caller: Caller, root: str) -> None:
        await self._change_root(caller, "decommission", root, RootDecommissioned)

    async def recommission(self, caller: Caller, root: str) -> None:
        await self._change_root(caller, "recommission", root, RootRecommissioned)

    async def drain(self, caller: Caller) -> None:
        await self._change_draining(caller, "drain", Drained())

    async def resume(self, caller: Caller) -> None:
        await self._change_draining(caller, "resume", Resumed())

    async def _may_change(self, caller: Caller, task: Task, properties: Mapping[str, Value]) -> Caller:
        if goes_before(task, properties):
            return await self._rights.manager(caller, "change", task=task)
        return await self._rights.owner(caller, task, "change")

    def _waiting(self, task_id: TaskId, hint: str) -> Task:
        task = self._loop.state.task(task_id)
        if task is None or task.state is not TaskState.WAITING:
            if task is None or task.outcome is not None:
                raise WrongState(f"{task_id} does not wait, it has ended")
            raise WrongState(f"{task_id} does not wait, it runs", hint=hint)
        return task

    async def _let_it_be_the_last_try(self, task_id: TaskId) -> None:
        """Remembered before the signal goes out, so that a daemon that comes later knows it too."""

        def decide(now: int) -> Decision:
            task = self._loop.state.task(task_id)
            if task is None or task.outcome is not None or not (task.retries or task.grows):
                return Decision()
            return Decision([TaskAltered(dataclasses.replace(task, retries=0, grows=False))])

        try:
            await self._loop.ask(decide)
        except LimitExceeded as error:  # A full disk is no reason to let it run.
            log.error("%s: it may be tried again, %s", task_id, error.message)

    async def _change_root(
        self, caller: Caller, verb: str, name: str, event: type[RootDecommissioned] | type[RootRecommissioned]
    ) -> None:
        root = name.partition("@")[0].partition("/")[0]
        await self._rights.manager(caller, verb, root=root[:MAX_COMPONENT])
        catalogue = await self._catalogue()

        def decide(now: int) -> Decision:
            state = self._loop.state
            known = (
                any(unit.name == root for unit in catalogue.units.values())
                or any(task.id.root == root for task in state.open_tasks())
                or state.is_decommissioned(root)
            )
            if not known:
                raise NoSuchUnit(f"there is no root {root[:60]!r}", hint="Roots and ListUnits show what there is")
            if state.is_decommissioned(root) is (event is RootDecommissioned):
                return Decision()
            waiting = [task for task in state.line if task.id.root == root]
            ended = never_ran(Result.DECOMMISSIONED, now, f"its root '{root}' was decommissioned while it waited")
            return Decision([event(root), *(TaskEnded(task.ended(ended)) for task in waiting)])

        await self._loop.ask(decide, plans=True)
        log.info("uid %d: %s %s", caller.uid, event.__name__, root)

    async def _change_draining(self, caller: Caller, verb: str, event: Event) -> None:
        await self._rights.manager(caller, verb)

        def decide(now: int) -> Decision:
            return Decision([] if self._loop.state.draining is isinstance(event, Drained) else [event])

        await self._loop.ask(decide)
        log.info("uid %d: %s", caller.uid, type(event).__name__)


def signal_name(text: str) -> str:
    """`KILL`, `SIGKILL` or `9` -> `KILL`."""
    plain = text.strip().upper().removeprefix("SIG")
    try:
        number = signals_of.Signals(int(plain)) if plain.isdigit() else signals_of.Signals["SIG" + plain]
    except (KeyError, ValueError):
        raise InvalidArgs(f"{text[:20]!r} is not a signal", hint="write for example TERM, SIGKILL or 9") from None
    return number.name.removeprefix("SIG")
