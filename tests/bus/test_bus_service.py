# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exported interface as a client sees it, over a real bus; the engine behind it is a recorder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from dbus_next import DBusError, Message, Variant
from dbus_next import introspection as intr

from sd_taskpacker import __version__
from sd_taskpacker.bus.callers import Callers
from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.service import INTERFACE, NAME, PATH, BusSignals, ManagerInterface, status_line
from sd_taskpacker.bus.task_objects import TaskObjects
from sd_taskpacker.engine.ports import Answer, Figures, Manager, Signals, TaskFilter
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Result, Task
from sd_taskpacker.model.unit import Catalogue
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task, an_outcome
from tests.bus.private_bus import Dial

PROPERTIES = "org.freedesktop.DBus.Properties"
FIGURES = Figures(
    memory_budget=1 << 30,
    chunks_total=32,
    chunks_free=20,
    cpus_total=4,
    cpus_free=3,
    slots=(20, 5, 2, 0),
    running=1,
    queued=0,
    roots=("build",),
)


@dataclass
class RecordingManager:
    """engine.ports.Manager that only remembers what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    async def batch_submit(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]:
        self.asked.append(("batch_submit", caller.uid, list(requests)))
        return [Answer(("massif@1",), ()), Answer((), ("massif?n=2",))]

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
    client: Connection

    async def call(self, member: str, signature: str = "", *body: Any) -> list[Any]:
        return await self.client.ask(NAME, PATH, INTERFACE, member, signature, body)

    async def get(self, path: str, member: str, signature: str, *body: Any) -> list[Any]:
        return await self.client.ask(NAME, path, PROPERTIES, member, signature, body)

    async def introspect(self, path: str) -> intr.Node:
        [text] = await self.client.ask(NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")
        return intr.Node.parse(text)


@pytest.fixture
async def service(dial: Dial) -> Service:
    bus, client = await dial(), await dial()
    recorder = RecordingManager(tasks=[a_task(), a_task("build/x@2")])
    manager: Manager = recorder
    interface = ManagerInterface(manager, Callers(bus, unit_of_pid=lambda _: None))
    bus.add_message_handler(TaskObjects(manager.open_tasks, interface).handle)
    bus.export(PATH, interface)
    await bus.own(NAME)
    return Service(recorder, interface, client)


async def test_submit_forwards_the_caller_and_the_requests_and_answers_in_order(service: Service) -> None:
    entries = [["massif", {"priority": Variant("u", 1)}, {"n": Variant("as", ["1", "2"])}], ["massif", {}, {}]]
    [answers] = await service.call("BatchSubmit", "a(sa{sv}a{sv})", entries)
    assert answers == [[["massif@1"], []], [[], ["massif?n=2"]]]
    first = Request("massif", {"priority": Value("u", 1)}, {"n": Value("as", ["1", "2"])})
    assert service.manager.asked == [("batch_submit", os.getuid(), [first, Request("massif", {}, {})])]


async def test_each_order_is_forwarded_with_its_caller(service: Service) -> None:
    [ids] = await service.call("WorkorderStart", "a(sa{sv}a{sv})", [["build", {}, {}]])
    await service.call("Kill", "ss", "build@1", "TERM")
    await service.call("Decommission", "s", "build")
    await service.call("Recommission", "s", "build")
    await service.call("Reload")
    uid = os.getuid()
    assert ids == ["build@1"]
    assert service.manager.asked == [
        ("workorder_start", uid, [Request("build", {}, {})]),
        ("kill", uid, "build@1", "TERM"),
        ("decommission", uid, "build"),
        ("recommission", uid, "build"),
        ("reload", uid),
    ]


async def test_questions_are_answered_as_dictionaries(service: Service) -> None:
    [tasks] = await service.call("ListTasks", "a{sv}", {"root": Variant("s", "build")})
    assert [task["id"].value for task in tasks] == ["massif@20261121.0", "build/x@2"]
    assert service.manager.asked == [("list_tasks", TaskFilter(root="build"))]
    assert await service.call("ListUnits") == [[]]


async def test_errors_have_our_names(service: Service) -> None:
    for member, argument, name in (("GetTask", "a@1", "NoSuchTask"), ("GetUnitProblems", "none", "NoSuchUnit")):
        with pytest.raises(DBusError, match=argument) as error:
            await service.call(member, "s", argument)
        assert error.value.type == f"org.sdtaskpacker1.Error.{name}"


async def test_properties_are_the_figures(service: Service) -> None:
    [shown] = await service.get(PATH, "GetAll", "s", INTERFACE)
    assert {name: (variant.signature, variant.value) for name, variant in shown.items()} == {
        "Version": ("s", __version__),
        "MemoryBudget": ("t", 1 << 30),
        "ChunksTotal": ("u", 32),
        "ChunksFree": ("u", 20),
        "CPUsTotal": ("u", 4),
        "CPUsFree": ("u", 3),
        "EstimatedSlotsRemaining": ("au", [20, 5, 2, 0]),
        "NRunning": ("u", 1),
        "NQueued": ("u", 0),
        "Roots": ("as", ["build"]),
    }


async def test_introspection_names_every_argument_and_shows_the_child(service: Service) -> None:
    node = await service.introspect(PATH)
    shown = next(each for each in node.interfaces if each.name == INTERFACE)
    signatures = {m.name: (m.in_signature, m.out_signature) for m in shown.methods}
    assert signatures == {
        "BatchSubmit": ("a(sa{sv}a{sv})", "a(asas)"),
        "WorkorderStart": ("a(sa{sv}a{sv})", "as"),
        "Kill": ("ss", ""),
        "Decommission": ("s", ""),
        "Recommission": ("s", ""),
        "ListTasks": ("a{sv}", "aa{sv}"),
        "GetTask": ("s", "a{sv}"),
        "ListUnits": ("", "a(ssssb)"),
        "GetUnitProblems": ("s", "a(susss)"),
        "Reload": ("", ""),
    }
    assert all(argument.name for m in shown.methods for argument in (*m.in_args, *m.out_args))
    assert {s.name: (s.signature, [a.name for a in s.args]) for s in shown.signals} == {
        name: ("sa{sv}au", ["id", "params", "estimated_slots_remaining"]) for name in ("BatchComplete", "BatchFailed")
    }
    assert [child.name for child in node.nodes] == ["task"]


async def test_the_version_is_constant(service: Service) -> None:
    [text] = await service.client.ask(NAME, PATH, "org.freedesktop.DBus.Introspectable", "Introspect")
    assert text.count("EmitsChangedSignal") == 1
    assert 'EmitsChangedSignal" value="const"' in text.partition('"Version"')[2].partition("</property>")[0]


async def test_an_empty_interface_name_means_the_managers(service: Service) -> None:
    assert await service.get(PATH, "GetAll", "s", "") == await service.get(PATH, "GetAll", "s", INTERFACE)
    assert await service.get(PATH, "Get", "ss", "", "Version") == [Variant("s", __version__)]


async def test_a_wrong_signature_is_answered_with_the_right_one(service: Service) -> None:
    with pytest.raises(DBusError, match=r"BatchSubmit takes 'a\(sa\{sv\}a\{sv\}\)', not 'as'") as error:
        await service.call("BatchSubmit", "as", ["massif"])
    assert error.value.type == "org.freedesktop.DBus.Error.InvalidArgs"


async def heard(service: Service, member: str) -> list[Message]:
    messages: list[Message] = []
    service.client.add_message_handler(lambda message: messages.append(message) if message.member == member else None)
    await service.client.ask_bus("AddMatch", "s", f"type='signal',sender='{NAME}'")
    return messages


@pytest.mark.parametrize(("result", "member"), [(Result.SUCCESS, "BatchComplete"), (Result.OOM_KILL, "BatchFailed")])
async def test_end_is_told_by_its_outcome_with_the_params_as_submitted(
    service: Service, result: Result, member: str
) -> None:
    messages = await heard(service, member)
    signals: Signals = BusSignals(service.interface, lambda _: None)
    task = a_task(params=(("n", Value("t", 5)),)).ended(an_outcome(result))
    signals.batch_ended(task, (4, 3, 2, 1))
    await service.call("ListUnits")
    [message] = messages
    assert message.signature == "sa{sv}au"
    assert message.body == [str(task.id), {"n": Variant("t", 5)}, [4, 3, 2, 1]]


async def test_only_figures_that_changed_are_told(service: Service) -> None:
    messages = await heard(service, "PropertiesChanged")
    lines: list[str] = []
    signals = BusSignals(service.interface, lines.append)
    signals.figures_changed(FIGURES)
    signals.figures_changed(FIGURES)
    more = Figures(**{name: getattr(FIGURES, name) for name in Figures.__slots__} | {"running": 2, "chunks_free": 16})
    signals.figures_changed(more)
    await service.call("ListUnits")
    assert len(messages) == 2
    assert len(messages[0].body[1]) == 9
    assert messages[1].body == [INTERFACE, {"ChunksFree": Variant("u", 16), "NRunning": Variant("u", 2)}, []]
    assert lines == [status_line(FIGURES), "2 running, 0 waiting; 16 of 32 chunks and 3 of 4 CPUs free"]


async def busctl(address: str, *arguments: str) -> str:
    command = ["busctl", f"--address={address}", "--no-pager", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_busctl_shows_the_tree(service: Service, address: str) -> None:
    lines = (await busctl(address, "tree", "--list", NAME)).splitlines()
    paths = [task.id.object_path for task in service.manager.tasks]
    assert set(lines) >= {"/org/sdtaskpacker1", "/org/sdtaskpacker1/task", *paths}


@pytest.mark.usefixtures("service")
async def test_busctl_shows_a_task_and_the_manager(address: str) -> None:
    shown = await busctl(address, "introspect", NAME, a_task().id.object_path)
    assert '.Id property s "massif@20261121.0"' in " ".join(shown.split())
    shown = await busctl(address, "introspect", NAME, PATH)
    assert ".EstimatedSlotsRemaining property au 4 20 5 2 0" in " ".join(shown.split())


@pytest.mark.parametrize("where", [0, 1], ids=["args", "params"])
async def test_a_file_descriptor_in_a_request_is_refused_and_does_not_stay_with_us(
    service: Service, where: int
) -> None:
    entry: list[Any] = ["massif", {}, {}]
    entry[1 + where] = {"target": Variant("h", 0)}
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(DBusError, match="a file descriptor is not taken") as refused:
        await service.client.ask(NAME, PATH, INTERFACE, "BatchSubmit", "a(sa{sv}a{sv})", [[entry]], descriptors=[0])
    assert refused.value.type == "org.sdtaskpacker1.Error.InvalidArgs"
    assert not service.manager.asked
    await service.call("ListTasks", "a{sv}", {})
    assert len(os.listdir("/proc/self/fd")) == before
