# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where callers are served: each method checks who asks, and turns the request into a decision for the loop."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import signal as signals_of
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from sd_taskpacker.engine.admission import Admission, admit
from sd_taskpacker.engine.events import Event, RootDecommissioned, RootRecommissioned, TaskStarted
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Answer, Figures, Launcher, Machine, TaskFilter, Units
from sd_taskpacker.engine.requests import Office, Place
from sd_taskpacker.engine.turn import Decision
from sd_taskpacker.errors import AccessDenied, InvalidArgs, NoSuchTask, NoSuchUnit, TaskpackerError, WrongState
from sd_taskpacker.model.names import TaskId, child_name
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Catalogue, Kind

log = logging.getLogger(__name__)

ROOT_CALLER = Caller(uid=0, may_manage=True, may_submit=True)
"""The daemon itself, when it starts the roots."""


class Desk:
    """Implements ports.Manager. `configure` reads the configuration. `show` is told the figures whenever they may
    have changed; the bus, which needs the desk to exist first, sets it."""

    def __init__(
        self, loop: Loop, configure: Callable[[], Place], *, units: Units, machine: Machine, launcher: Launcher
    ) -> None:
        self._loop = loop
        self._configure = configure
        self._place = configure()
        self._units = units
        self._machine = machine
        self._launcher = launcher
        self.show: Callable[[Figures], None] = lambda figures: None
        self._roots: tuple[str, ...] = ()
        # One thread: reading the directories remembers what it saw, and is not for two at once.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="units")

    async def batch_submit(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]:
        return list((await self._submit(Kind.BATCH, caller, requests)).answers)

    async def workorder_start(self, caller: Caller, requests: Sequence[Request]) -> list[str]:
        answers = (await self._submit(Kind.WORKORDER, caller, requests)).answers
        return [task_id for answer in answers for task_id in answer.started]

    async def kill(self, caller: Caller, task_id: str, signal: str) -> None:
        name = _signal_name(signal)
        task = self._loop.state.task(_parse_id(task_id))
        if task is None or task.outcome is not None:
            await self.get_task(task_id)
            raise WrongState(f"{task_id} has ended already")
        if not (caller.may_manage or (caller.task is None and caller.may_submit and caller.uid == task.uid)):
            raise AccessDenied(
                f"{task_id} belongs to uid {task.uid}", hint="only its submitter or a manager may kill it"
            )
        log.info("%s: uid %d sends SIG%s", task.id, caller.uid, name)
        await self._launcher.kill(task.id, name)

    async def decommission(self, caller: Caller, root: str) -> None:
        await self._change_root(caller, root, RootDecommissioned)

    async def recommission(self, caller: Caller, root: str) -> None:
        await self._change_root(caller, root, RootRecommissioned)

    async def reload(self, caller: Caller) -> None:
        _must_manage(caller)
        # On the loop, since it also changes whom the bus trusts; the file is a few lines.
        self._place = self._configure()
        await self.catalogue(force=True)
        await self.refresh_budget()

    async def list_tasks(self, wanted: TaskFilter) -> list[Task]:
        if not wanted.states:
            wanted = dataclasses.replace(wanted, states=frozenset({TaskState.RUNNING}))
        return await self._loop.recall(lambda store: store.tasks(wanted))

    async def get_task(self, task_id: str) -> Task:
        wanted = _parse_id(task_id)
        task = self._loop.state.task(wanted) or await self._loop.recall(lambda store: store.task(wanted))
        if task is None:
            raise NoSuchTask(f"there is no task {task_id}", hint="ListTasks shows what there is")
        return task

    async def catalogue(self, *, force: bool = False) -> Catalogue:
        """The units on disk now: files that were dropped in since are seen by this."""
        refresh = functools.partial(self._units.refresh, force=force)
        catalogue = await asyncio.get_running_loop().run_in_executor(self._reader, refresh)
        roots = tuple(unit.name for unit in catalogue.units.values() if unit.root)
        if roots != self._roots:
            self._roots = roots
            self.show(self.figures())
        return catalogue

    def open_tasks(self) -> list[Task]:
        return self._loop.state.open_tasks()

    def figures(self) -> Figures:
        return self._loop.state.figures(self._loop.clock(), self._roots)

    def act(self, events: Sequence[Event]) -> None:
        """What remembered events ask of the desk: to show the new figures."""
        self.show(self.figures())

    async def refresh_budget(self) -> None:
        """Reads the budget again; a changed one is in force once the slices carry it, and until then the old one."""
        try:
            budget = await asyncio.to_thread(self._machine.budget)
            if budget == self._loop.state.budget:
                return
            await self._launcher.enforce(budget)
        except (OSError, TaskpackerError) as error:
            log.error("the budget stays as it was: %s", error)
            return
        self._loop.state.budget = budget
        log.info("budget: %d chunks, %d CPUs (%s)", budget.memory // CHUNK_BYTES, budget.cpus, budget.source)
        self.show(self.figures())

    async def start_roots(self) -> None:
        """Starts every Root=yes unit that does not run; one that cannot start is logged and hinders no other."""
        catalogue = await self.catalogue()
        # What ran before a reboot is lost, and may not have been told so yet.
        boot = self._place.boot_id
        running = {task.id.name for task in self._loop.state.running() if task.boot_id == boot}
        for unit in catalogue.units.values():
            if not unit.root or unit.name in running or self._loop.state.is_decommissioned(unit.name):
                continue
            try:
                admission = await self._submit(unit.kind, ROOT_CALLER, [Request(unit.name, {}, {})])
            except TaskpackerError as error:
                log.error("root %s: %s", unit.name, error)
            else:
                for label, reasons in admission.rejected:
                    log.warning("root %s: not started: %s", label, "; ".join(reason.text for reason in reasons))

    async def _submit(self, kind: Kind, caller: Caller, requests: Sequence[Request]) -> Admission:
        self._check_caller(caller)
        catalogue = await self.catalogue()
        await self.refresh_budget()
        asked = _asked_versions(caller, requests)
        taken = await self._loop.recall(lambda store: store.known(asked)) if asked else frozenset()

        def decide(now: int) -> Decision:
            self._check_caller(caller)
            office = Office(state=self._loop.state, catalogue=catalogue, place=self._place, taken=taken)
            admission = admit(office, kind, caller, requests, now)
            return Decision([TaskStarted(task) for task in admission.started], admission)

        admission: Admission = await self._loop.ask(decide)
        log.info(
            "uid %d asked for %d: %d started, %d rejected",
            caller.uid,
            len(requests),
            len(admission.started),
            len(admission.rejected),
        )
        return admission

    def _check_caller(self, caller: Caller) -> None:
        """A caller inside a task's unit speaks for that task, and only while it runs."""
        if not caller.may_submit:
            raise AccessDenied(
                f"uid {caller.uid} may not submit", hint="only root, the configured group (taskpacker) and tasks may"
            )
        if caller.task is not None:
            task = self._loop.state.task(caller.task)
            if task is None or task.outcome is not None:
                raise AccessDenied(f"the calling task {caller.task} does not run here")

    async def _change_root(
        self, caller: Caller, name: str, event: type[RootDecommissioned] | type[RootRecommissioned]
    ) -> None:
        _must_manage(caller)
        catalogue = await self.catalogue()
        root = name.partition("@")[0].partition("/")[0]

        def decide(now: int) -> Decision:
            state = self._loop.state
            known = (
                any(unit.name == root for unit in catalogue.units.values())
                or any(task.id.root == root for task in state.open_tasks())
                or state.is_decommissioned(root)
            )
            if not known:
                raise NoSuchUnit(f"there is no root {root[:60]!r}", hint="Roots and ListUnits show what there is")
            changes = state.is_decommissioned(root) is not (event is RootDecommissioned)
            return Decision([event(root)] if changes else [])

        await self._loop.ask(decide)
        log.info("uid %d: %s %s", caller.uid, event.__name__, root)


def _must_manage(caller: Caller) -> None:
    if not caller.may_manage:
        raise AccessDenied(
            f"uid {caller.uid} may not manage", hint="only root and the configured group (taskpacker) may"
        )


def _asked_versions(caller: Caller, requests: Sequence[Request]) -> list[TaskId]:
    """The ids that are asked for by version; malformed ones are left to the check that follows."""
    asked = []
    for request in requests:
        version = request.args.get("version")
        if version is not None and isinstance(version.data, str):
            try:
                asked.append(TaskId.make(child_name(caller.task, request.unit), version.data))
            except ValueError:
                continue
    return asked


def _parse_id(text: str) -> TaskId:
    try:
        return TaskId.parse(text)
    except ValueError as error:
        raise NoSuchTask(str(error)) from None


def _signal_name(text: str) -> str:
    """`KILL`, `SIGKILL` or `9` -> `KILL`."""
    plain = text.strip().upper().removeprefix("SIG")
    try:
        number = signals_of.Signals(int(plain)) if plain.isdigit() else signals_of.Signals["SIG" + plain]
    except (KeyError, ValueError):
        raise InvalidArgs(f"{text[:20]!r} is not a signal", hint="write for example TERM, SIGKILL or 9") from None
    return number.name.removeprefix("SIG")
