# SPDX-License-Identifier: LGPL-2.1-or-later
"""What anybody may ask: tasks, from memory or from history, and what the plan says of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.engine.explain import explain
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import PastEvent, TaskFilter
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.plan.snapshot import Plan, Reason

_OPEN: Final = frozenset({TaskState.WAITING, TaskState.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """The plan as it is now, and what it speaks of: a lease's owner and a reason's key are ids of `tasks`."""

    plan: Plan
    tasks: dict[str, Task]
    capacity: dict[str, int]
    draining: bool


class Inquiries:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop

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
        return explain(self._loop.state, task, self._loop.cycle.latest, self._loop.clock())

    def plan_view(self) -> PlanView:
        state = self._loop.state
        tasks = {str(task.id): task for task in (*state.running(), *state.line)}
        plan = state.plan(self._loop.clock())
        return PlanView(plan=plan, tasks=tasks, capacity=state.capacity(), draining=state.draining)


def parse_id(text: str) -> TaskId:
    try:
        return TaskId.parse(text)
    except ValueError as error:
        raise NoSuchTask(str(error)) from None
