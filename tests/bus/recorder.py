# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exported interface on a real bus; the engine behind it is a recorder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbus_next import Message
from dbus_next import introspection as intr

from sd_taskpacker.bus.callers import Callers
from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.names import MANAGER as INTERFACE
from sd_taskpacker.bus.names import NAME, PATH
from sd_taskpacker.bus.service import ManagerInterface
from sd_taskpacker.bus.task_objects import TaskObjects
from sd_taskpacker.engine.manager import Answer, Figures, Forecast, Manager, PlanFormat, Trial
from sd_taskpacker.engine.ports import PastEvent, TaskFilter
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Catalogue
from sd_taskpacker.model.values import Value
from sd_taskpacker.plan.snapshot import Reason, Verdict
from tests.bus.builders import a_task
from tests.bus.private_bus import Dial

PROPERTIES = "org.freedesktop.DBus.Properties"
WAITING = a_task("build/x@2", state=TaskState.WAITING, started_usec=0, promised_usec=70)
FIGURES = Figures(
    memory_budget=1 << 30,
    chunks_total=32,
    chunks_free=20,
    cpus_total=4,
    cpus_free=3,
    slots=(20, 5, 2, 0),
    running=1,
    queued=1,
    draining=False,
    roots=("build",),
)


@dataclass
class RecordingManager:
    """engine.manager.Manager that only remembers what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    plan: str = "all\0of it"
    drained_by: list[Caller] = field(default_factory=list)

    async def batch_submit(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]:
        self.asked.append(("batch_submit", caller.uid, list(requests)))
        return [Answer(("massif@1",), ()), Answer((), ("massif?n=2",))]

    async def batch_queue(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]:
        self.asked.append(("batch_queue", caller.uid, list(requests)))
        return [Answer(("massif@1", "massif@2"), ("massif?n=2",))]

    async def batch_test(self, caller: Caller, requests: Sequence[Request]) -> list[Trial]:
        self.asked.append(("batch_test", caller.uid, list(requests)))
        return [Trial(label="massif?n=2", forecast=Forecast.LATER, start=70, code="memory", text="1G is not free")]

    async def cancel(self, caller: Caller, task_id: str) -> None:
        self.asked.append(("cancel", caller.uid, task_id))

    async def set_task_properties(self, caller: Caller, task_id: str, properties: Mapping[str, Value]) -> None:
        self.asked.append(("set_task_properties", caller.uid, task_id, dict(properties)))

    async def drain(self, caller: Caller) -> None:
        self.asked.append(("drain", caller.uid))
        self.drained_by.append(caller)

    async def resume(self, caller: Caller) -> None:
        self.asked.append(("resume", caller.uid))

    async def explain(self, task_id: str) -> list[Reason]:
        self.asked.append(("explain", task_id))
        return [Reason("memory", Verdict.NOT_NOW, "1G is not free")]

    async def get_plan(self, form: PlanFormat) -> str:
        self.asked.append(("get_plan", form))
        return self.plan

    async def list_events(self, after: int, limit: int) -> list[PastEvent]:
        self.asked.append(("list_events", after, limit))
        details: dict[str, str | int] = {"result": "exit-code", "exit_status": -1, "ended": 20, "weight": 5}
        return [PastEvent(sequence=8, time=20, task="massif@1", event="TaskEnded", details=details)]

    async def workorder_start(self, caller: Caller, requests: Sequence[Request]) -> list[str]:
        self.asked.append(("workorder_start", caller.uid, list(requests)))
        return ["build@1"]

    async def kill(self, caller: Caller, task_id: str, signal: str) -> None:
        self.asked.append(("kill", caller.uid, task_id, signal))

    async def decommission(self, caller: Caller, root: str) -> None:
        self.asked.append(("decommission", caller.uid, root))

    async def recommission(self, caller: Caller, root: str) -> None:
        self.asked.append(("recommission", caller.uid, root))

    async def reload(self, caller: Caller) -> None:
        self.asked.append(("reload", caller.uid))

    async def list_tasks(self, wanted: TaskFilter) -> list[Task]:
        self.asked.append(("list_tasks", wanted))
        return self.tasks

    async def get_task(self, task_id: str) -> Task:
        raise NoSuchTask(f"there is no task {task_id}")

    async def catalogue(self) -> Catalogue:
        return Catalogue()

    def open_tasks(self) -> list[Task]:
        return self.tasks

    def figures(self) -> Figures:
        return FIGURES


@dataclass
class Service:
    manager: RecordingManager
    interface: ManagerInterface
    bus: Connection
    client: Connection

    async def call(self, member: str, signature: str = "", *body: Any) -> list[Any]:
        return await self.client.ask(NAME, PATH, INTERFACE, member, signature, body)

    async def get(self, path: str, member: str, signature: str, *body: Any) -> list[Any]:
        return await self.client.ask(NAME, path, PROPERTIES, member, signature, body)

    async def introspect(self, path: str) -> intr.Node:
        [text] = await self.client.ask(NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")
        return intr.Node.parse(text)

    async def heard(self, member: str, path: str = PATH) -> list[Message]:
        """The signals of that name from now on."""
        messages: list[Message] = []

        def note(message: Message) -> None:
            if (message.member, message.path) == (member, path):
                messages.append(message)

        self.client.add_message_handler(note)
        await self.client.ask_bus("AddMatch", "s", f"type='signal',sender='{NAME}'")
        return messages


async def serve(dial: Dial) -> Service:
    bus, client = await dial(), await dial()
    recorder = RecordingManager(tasks=[a_task(), WAITING])
    manager: Manager = recorder
    interface = ManagerInterface(manager, Callers(bus, unit_of_pid=lambda _: None))
    bus.add_message_handler(TaskObjects(manager.open_tasks, interface).handle)
    bus.export(PATH, interface)
    await bus.own(NAME)
    return Service(recorder, interface, bus, client)
