# SPDX-License-Identifier: LGPL-2.1-or-later
"""What anybody may ask: tasks, from memory or from history, and what the plan says of them."""

from __future__ import annotations

import dataclasses
from typing import Final

from sd_taskpacker.engine.explain import explain
from sd_taskpacker.engine.forecasts import Forecasts
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.manager import PlanFormat
from sd_taskpacker.engine.picture import draw
from sd_taskpacker.engine.ports import PastEvent, TaskFilter
from sd_taskpacker.engine.wholeplan import WholePlans
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.plan.snapshot import Reason

_OPEN: Final = frozenset({TaskState.WAITING, TaskState.RUNNING})


class Inquiries:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._plans = WholePlans(loop)
        self.forecasts = Forecasts(self._plans)

    def outdate(self) -> None:
        """Something has happened that a plan may show."""
        self._plans.outdate()

    async def list_tasks(self, wanted: TaskFilter) -> list[Task]:
        if not wanted.states:
            wanted = dataclasses.replace(wanted, states=_OPEN)
        return await self._loop.recall(lambda store: store.tasks(wanted))

    async def get_task(self, task_id: str) -> Task:
        wanted = parse_id(task_id)
        task = self._loop.state.task(wanted) or await self._loop.recall(lambda store: store.task(wanted))
        if task is None:
            raise NoSuchTask(f"there is no task {task_id}", hint="ListTasks shows what there is")
        return task

    async def list_events(self, after: int, limit: int) -> list[PastEvent]:
        return await self._loop.recall(lambda store: store.events(after, limit))

    async def explain(self, task_id: str) -> list[Reason]:
        task = await self.get_task(task_id)
        whole = None
        if task.state is TaskState.WAITING and not self._loop.state.draining:
            whole = await self._plans.get()
            task = await self.get_task(task_id)  # It may have started meanwhile.
        return explain(self._loop.state, task, whole.plan if whole else None, self._loop.clock())

    async def get_plan(self, form: PlanFormat) -> str:
        return await self._plans.draw(lambda whole: draw(whole, form))


def parse_id(text: str) -> TaskId:
    try:
        return TaskId.parse(text)
    except ValueError as error:
        raise NoSuchTask(str(error)) from None
