# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exported interface as a client sees it, over a real bus; the engine behind it is a recorder."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from dbus_next import DBusError, Variant

from sd_taskpacker import __version__
from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.names import MANAGER as INTERFACE
from sd_taskpacker.bus.names import NAME, PATH
from sd_taskpacker.bus.news import TaskChanged
from sd_taskpacker.bus.wire_queue import MAX_PLAN, change_to_wire
from sd_taskpacker.engine.manager import PlanFormat
from sd_taskpacker.engine.ports import TaskFilter
from sd_taskpacker.errors import LimitExceeded
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task
from tests.bus.private_bus import Dial
from tests.bus.recorder import WAITING, Service, serve


@pytest.fixture
async def service(dial: Dial) -> Service:
    return await serve(dial)


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
    await service.call("Cancel", "s", "massif@2")
    await service.call("SetTaskProperties", "sa{sv}", "massif@2", {"deadline": Variant("s", "1h")})
    await service.call("Drain")
    await service.call("Resume")
    assert ids == ["build@1"]
    assert service.manager.asked == [
        ("workorder_start", uid, [Request("build", {}, {})]),
        ("kill", uid, "build@1", "TERM"),
        ("decommission", uid, "build"),
        ("recommission", uid, "build"),
        ("reload", uid),
        ("cancel", uid, "massif@2"),
        ("set_task_properties", uid, "massif@2", {"deadline": Value("s", "1h")}),
        ("drain", uid),
        ("resume", uid),
    ]


async def test_what_may_wait_is_queued_or_tried_for_the_caller(service: Service) -> None:
    entries = [["massif", {"tag": Variant("s", "t")}, {"n": Variant("as", ["1", "2"])}]]
    [answers] = await service.call("BatchQueue", "a(sa{sv}a{sv})", entries)
    [forecasts] = await service.call("BatchTest", "a(sa{sv}a{sv})", entries)
    assert answers == [[["massif@1", "massif@2"], ["massif?n=2"]]]
    assert forecasts == [["massif?n=2", "later", 70, "memory", "1G is not free"]]
    request = Request("massif", {"tag": Value("s", "t")}, {"n": Value("as", ["1", "2"])})
    uid = os.getuid()
    assert service.manager.asked == [("batch_queue", uid, [request]), ("batch_test", uid, [request])]


async def test_the_plan_and_its_reasons_are_for_anyone(service: Service) -> None:
    assert await service.call("Explain", "s", "build/x@2") == [[["memory", "not-now", "1G is not free"]]]
    assert await service.call("GetPlan", "s", "svg") == ["all\\x00of it"]
    assert service.manager.asked == [("explain", "build/x@2"), ("get_plan", PlanFormat.SVG)]


async def test_a_plan_as_large_as_the_bus_carries_arrives_and_a_larger_one_is_refused(
    service: Service, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    async with await Client.connect(user=True) as client:
        service.manager.plan = "x" * MAX_PLAN
        assert await client.get_plan("json") == service.manager.plan
        service.manager.plan += "x"
        with pytest.raises(LimitExceeded, match="the plan as json has") as error:
            await client.get_plan("json")
        assert "text" in error.value.hint
        assert await client.explain("build/x@2")


async def test_a_format_that_is_not_there_is_refused_with_those_that_are(service: Service) -> None:
    with pytest.raises(DBusError, match=r"no plan in the format 'pdf'\nHint: use json, text, svg, html") as error:
        await service.call("GetPlan", "s", "pdf")
    assert error.value.type == "org.sdtaskpacker1.Error.InvalidArgs"
    assert not service.manager.asked


async def test_history_is_told_in_the_types_that_a_task_has(service: Service) -> None:
    [[event]] = await service.call("ListEvents", "tu", 7, 100)
    assert event[:4] == [8, 20, "massif@1", "TaskEnded"]
    assert event[4] == {
        "result": Variant("s", "exit-code"),
        "exit_status": Variant("i", -1),
        "ended": Variant("t", 20),
        "weight": Variant("x", 5),
    }
    assert service.manager.asked == [("list_events", 7, 100)]


async def test_our_own_client_understands_the_answers(
    service: Service, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    async with await Client.connect(user=True) as client:
        news = await client.watch()
        [answer] = await client.batch_queue([Request("massif", {}, {})])
        [forecast] = await client.batch_test([Request("massif", {}, {})])
        [reason] = await client.explain("build/x@2")
        [event] = await client.list_events(7)
        service.interface.TaskChanged(*change_to_wire(8, WAITING))
        told = await news.get()
    assert (answer.accepted, answer.rejected) == (("massif@1", "massif@2"), ("massif?n=2",))
    assert (forecast.verdict, forecast.start, reason.verdict, event.details["ended"]) == ("later", 70, "not-now", 20)
    details = {"submitted": 10, "promised": 70}
    assert told == TaskChanged(sequence=8, id="build/x@2", state="waiting", details=details)


async def test_a_bad_property_is_refused_by_key(service: Service) -> None:
    with pytest.raises(DBusError, match="properties, key 'size': a file descriptor is not taken"):
        await service.call("SetTaskProperties", "sa{sv}", "massif@2", {"size": Variant("h", 0)})
    assert not service.manager.asked


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
        "NotEnforced": ("as", []),
        "ChunksTotal": ("u", 32),
        "ChunksFree": ("u", 20),
        "CPUsTotal": ("u", 4),
        "CPUsFree": ("u", 3),
        "EstimatedSlotsRemaining": ("au", [20, 5, 2, 0]),
        "NRunning": ("u", 1),
        "NQueued": ("u", 1),
        "Draining": ("b", False),
        "Decommissioned": ("as", []),
        "Roots": ("as", ["build"]),
    }


async def test_introspection_names_every_argument_and_shows_the_child(service: Service) -> None:
    node = await service.introspect(PATH)
    shown = next(each for each in node.interfaces if each.name == INTERFACE)
    signatures = {m.name: (m.in_signature, m.out_signature) for m in shown.methods}
    assert signatures == {
        "BatchSubmit": ("a(sa{sv}a{sv})", "a(asas)"),
        "BatchQueue": ("a(sa{sv}a{sv})", "a(asas)"),
        "BatchTest": ("a(sa{sv}a{sv})", "a(sstss)"),
        "Cancel": ("s", ""),
        "SetTaskProperties": ("sa{sv}", ""),
        "Drain": ("", ""),
        "Resume": ("", ""),
        "Explain": ("s", "a(sss)"),
        "GetPlan": ("s", "s"),
        "ListEvents": ("tu", "a(ttssa{sv})"),
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
        "BatchComplete": ("sa{sv}au", ["id", "params", "estimated_slots_remaining"]),
        "BatchFailed": ("sa{sv}au", ["id", "params", "estimated_slots_remaining"]),
        "TaskChanged": ("tssa{sv}", ["sequence", "id", "state", "details"]),
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


@pytest.mark.parametrize("interactive", [True, False])
async def test_the_manager_is_told_who_calls_and_whether_he_waits_for_a_password(
    service: Service, address: str, monkeypatch: pytest.MonkeyPatch, interactive: bool
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    async with await Client.connect(user=True, interactive=interactive) as client:
        await client.drain()
        [caller] = service.manager.drained_by
        assert (caller.interactive, caller.name) == (interactive, str(client._bus.unique_name))
