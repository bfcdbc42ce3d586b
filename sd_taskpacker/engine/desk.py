# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where callers are served: each method checks who asks, and turns the request into a decision for the loop."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sd_taskpacker.engine.admission import Admission, admit, enqueue
from sd_taskpacker.engine.budgeting import Budgeting
from sd_taskpacker.engine.chronicle import Chronicle
from sd_taskpacker.engine.events import Resumed
from sd_taskpacker.engine.inquiries import Inquiries
from sd_taskpacker.engine.limits import Rates
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.manager import Answer, Figures, PlanFormat, Trial
from sd_taskpacker.engine.orders import Orders
from sd_taskpacker.engine.past import Past
from sd_taskpacker.engine.ports import Authority, Launcher, Machine, PastEvent, TaskFilter, Units, Workdirs
from sd_taskpacker.engine.requests import Office, Place
from sd_taskpacker.engine.rights import Rights, must_submit
from sd_taskpacker.engine.roots import ROOT_CALLER, Roots
from sd_taskpacker.engine.trial import draft
from sd_taskpacker.engine.trouble import CONFIG, STORE, WORKDIRS
from sd_taskpacker.engine.turn import Decide, Decision, Numbered
from sd_taskpacker.errors import AccessDenied, InvalidArgs, LimitExceeded
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Catalogue, Kind, TaskUnit
from sd_taskpacker.model.values import Value
from sd_taskpacker.plan.snapshot import Reason

log = logging.getLogger(__name__)

FEW: Final = 10
"""Requests and tasks that wait, together."""


class Desk:
    """Implements manager.Manager. `configure` reads the configuration: what is in force, and what is wrong with the
    file, if anything. `show` is told the figures whenever they may have changed; the bus, which needs the desk to
    exist first, sets it."""

    def __init__(
        self,
        loop: Loop,
        configure: Callable[[], tuple[Place, str]],
        *,
        units: Units,
        machine: Machine,
        launcher: Launcher,
        workdirs: Workdirs,
        chronicle: Chronicle,
        authority: Authority,
    ) -> None:
        self._loop = loop
        self._configure = configure
        self._place, flaw = configure()
        loop.trouble.tell(CONFIG, flaw)
        self._units = units
        self._past = Past(loop, workdirs)
        self._chronicle = chronicle
        self.show: Callable[[Figures], None] = lambda figures: None
        loop.trouble.changed = self._troubled
        self._inquiries = Inquiries(loop)
        self._rights = Rights(authority)
        self._rates = Rates()
        self._orders = Orders(loop, self._inquiries, launcher, self._rights, self.catalogue)
        self._budgeting = Budgeting(loop, machine, launcher, chronicle, self._rebudgeted)
        self._roots: tuple[str, ...] = ()
        self._starter = Roots(loop, self.catalogue, self._start_root)
        # One thread: reading the directories remembers what it saw, and is not for two at once.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="units")

    async def batch_submit(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]:
        return list((await self._submit(Kind.BATCH, caller, requests)).answers)

    async def batch_queue(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]:
        return list((await self._enqueue(caller, requests)).answers)

    async def batch_test(self, caller: Caller, requests: Sequence[Request]) -> list[Trial]:
        def decide(office: Office, now: int) -> Decision:
            return Decision(answer=draft(office, caller, requests, now))

        ready = await self._prepare(Kind.BATCH, caller, requests, decide)
        return await self._inquiries.forecasts.get(caller, requests, lambda: self._ask(ready, requests))

    async def workorder_start(self, caller: Caller, requests: Sequence[Request]) -> list[str]:
        answers = (await self._submit(Kind.WORKORDER, caller, requests)).answers
        return [task_id for answer in answers for task_id in answer.started]

    async def cancel(self, caller: Caller, task_id: str) -> None:
        await self._orders.cancel(caller, task_id)

    async def set_task_properties(self, caller: Caller, task_id: str, properties: Mapping[str, Value]) -> None:
        await self._orders.set_task_properties(caller, task_id, properties)

    async def kill(self, caller: Caller, task_id: str, signal: str) -> None:
        await self._orders.kill(caller, task_id, signal)

    async def decommission(self, caller: Caller, root: str) -> None:
        await self._orders.decommission(caller, root)

    async def recommission(self, caller: Caller, root: str) -> None:
        await self._orders.recommission(caller, root)

    async def drain(self, caller: Caller) -> None:
        await self._orders.drain(caller)

    async def resume(self, caller: Caller) -> None:
        await self._orders.resume(caller)

    async def list_tasks(self, wanted: TaskFilter) -> list[Task]:
        return await self._inquiries.list_tasks(wanted)

    async def get_task(self, task_id: str) -> Task:
        return await self._inquiries.get_task(task_id)

    async def list_events(self, after: int, limit: int) -> list[PastEvent]:
        return await self._inquiries.list_events(after, limit)

    async def explain(self, task_id: str) -> list[Reason]:
        return await self._inquiries.explain(task_id)

    async def get_plan(self, form: PlanFormat) -> str:
        return await self._inquiries.get_plan(form)

    async def reload(self, caller: Caller) -> None:
        await self._rights.manager(caller, "reload")
        # On the loop, since it also changes whom the bus trusts; the file is a few lines.
        self._place, flaw = self._configure()
        self._loop.trouble.tell(CONFIG, flaw)
        await self.catalogue(force=True)
        await self.refresh_budget()
        if flaw:
            raise InvalidArgs(flaw)

    async def catalogue(self, *, force: bool = False) -> Catalogue:
        """The units on disk now: files that were dropped in since are seen by this."""
        refresh = functools.partial(self._units.refresh, force=force)
        catalogue = await asyncio.get_running_loop().run_in_executor(self._reader, refresh)
        self._chronicle.refused(catalogue.refused)
        roots = tuple(unit.name for unit in catalogue.units.values() if unit.root)
        if roots != self._roots:
            self._roots = roots
            self.show(self.figures())
        return catalogue

    def open_tasks(self) -> list[Task]:
        return self._loop.state.open_tasks()

    def figures(self) -> Figures:
        return dataclasses.replace(self._loop.state.figures(self._roots), trouble=self._loop.trouble.text)

    def act(self, events: Sequence[Numbered]) -> None:
        """What remembered events ask of the desk: to show the new figures, and plans that know of them, and to start
        what can start now."""
        self._budgeting.act(events)
        if any(isinstance(event, Resumed) for _, event in events):
            self._starter.pay(self._place.boot_id)
        self._inquiries.outdate()
        self.show(self.figures())

    async def enforce_budget(self) -> None:
        """At the start. Raises TaskpackerError."""
        await self._budgeting.begin()

    async def refresh_budget(self) -> None:
        """Reads it again, and has it in force when it is another."""
        await self._budgeting.refresh()

    def _rebudgeted(self) -> None:
        self._inquiries.outdate()
        self.show(self.figures())

    async def start_roots(self) -> None:
        """Starts each Root=yes unit that neither runs nor waits, now or as soon as that is possible."""
        await self._starter.start_all(self._place.boot_id)

    async def _start_root(self, unit: TaskUnit, request: Request) -> Admission:
        if unit.kind is Kind.BATCH:
            return await self._enqueue(ROOT_CALLER, [request])
        return await self._submit(unit.kind, ROOT_CALLER, [request])

    def _troubled(self) -> None:
        """There is another trouble now, or none."""
        self.show(self.figures())
        if not self._hindered():
            self._starter.pay(self._place.boot_id)

    def _hindered(self) -> str:
        """Why nothing new is taken."""
        return self._loop.trouble.of(STORE) or self._loop.trouble.of(WORKDIRS)

    async def _submit(self, kind: Kind, caller: Caller, requests: Sequence[Request]) -> Admission:
        def decide(office: Office, now: int) -> Decision:
            self._check_room()
            admission = admit(office, kind, caller, requests, now)
            return Decision(admission.events, admission)

        admission: Admission = await self._decide(kind, caller, requests, decide)
        _log(caller, requests, admission, "started")
        return admission

    async def _enqueue(self, caller: Caller, requests: Sequence[Request]) -> Admission:
        def decide(office: Office, now: int) -> Decision:
            self._check_room()
            admission = enqueue(office, caller, requests, now)
            return Decision(admission.events, admission)

        admission: Admission = await self._decide(Kind.BATCH, caller, requests, decide)
        _log(caller, requests, admission, "accepted")
        return admission

    async def _decide(
        self,
        kind: Kind,
        caller: Caller,
        requests: Sequence[Request],
        decide: Callable[[Office, int], Decision],
    ) -> Any:
        return await self._ask(await self._prepare(kind, caller, requests, decide), requests)

    async def _prepare(
        self,
        kind: Kind,
        caller: Caller,
        requests: Sequence[Request],
        decide: Callable[[Office, int], Decision],
    ) -> Decide:
        """With the units, the budget and the history that the requests are checked against."""
        self._check_caller(caller)
        self._rates.take(caller, self._place.limits, self._loop.clock())
        catalogue, _ = await asyncio.gather(self.catalogue(), self.refresh_budget())
        default_user = self._place.default_user
        permitted = await self._rights.submitter(caller, kind, requests, catalogue, default_user=default_user)
        taken = await self._past.taken(caller, requests)
        on_disk = await self._past.on_disk(caller, requests, catalogue, self._place)

        def decide_now(now: int) -> Decision:
            self._check_caller(permitted)
            office = Office(
                state=self._loop.state, catalogue=catalogue, place=self._place, taken=taken, on_disk=on_disk
            )
            return decide(office, now)

        return decide_now

    async def _ask(self, decide: Decide, requests: Sequence[Request]) -> Any:
        # For a few it takes no longer than to go to a thread and back.
        return await self._loop.ask(decide, plans=len(requests) + len(self._loop.state.line) > FEW)

    def _check_room(self) -> None:
        """What is taken now might be lost, or wait for nobody knows how long."""
        if trouble := self._hindered():
            raise LimitExceeded(f"nothing new is taken while this lasts: {trouble}")

    def _check_caller(self, caller: Caller) -> None:
        """A caller inside a task's unit speaks for that task, and only while it runs."""
        if not caller.ruled:
            must_submit(caller)
        if caller.task is not None:
            task = self._loop.state.task(caller.task)
            if task is None or task.state is not TaskState.RUNNING:
                raise AccessDenied(f"the calling task {caller.task} does not run here")


def _log(caller: Caller, requests: Sequence[Request], admission: Admission, done: str) -> None:
    log.info(
        "uid %d asked for %d: %d %s, %d rejected",
        caller.uid,
        len(requests),
        len(admission.events),
        done,
        len(admission.rejected),
    )
