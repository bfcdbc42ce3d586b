# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dbus_next.signature import Variant

from sd_taskpacker.bus import link
from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.link import Absent, BusGone, bus_address
from sd_taskpacker.bus.news import BatchEnded, BusLost, FiguresChanged, ServiceCame, ServiceGone, TaskChanged
from sd_taskpacker.bus.replies import Forecast, PastEvent, Reason
from sd_taskpacker.errors import AccessDenied, InvalidParameters, NoSuchTask, Unreachable
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value
from tests.cli.standin import MANAGER, Standin, private_bus, standin


@pytest_asyncio.fixture
async def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async with private_bus(tmp_path) as found:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", found)
        yield found


@pytest_asyncio.fixture
async def service(address: str) -> AsyncIterator[Standin]:
    async with standin(address) as made:
        yield made


@pytest_asyncio.fixture
async def client(service: Standin) -> AsyncIterator[Client]:
    async with await Client.connect(user=True) as made:
        yield made


@pytest.mark.parametrize("member", ["BatchSubmit", "BatchQueue"])
async def test_submit_sends_requests_as_typed_variants_and_answers_in_order(
    service: Standin, client: Client, member: str
) -> None:
    service.answers[member] = ("a(asas)", [[[["a@1"], []], [[], ["b?x=1"]]]])
    request = Request("a", {"priority": Value("u", 7)}, {"x": Value("as", ["1", "2"])})
    submit = client.batch_submit if member == "BatchSubmit" else client.batch_queue
    first, second = await submit([request, Request("b", {}, {})])
    assert (first.accepted, first.rejected) == (("a@1",), ())
    assert (second.accepted, second.rejected) == ((), ("b?x=1",))
    sent = [["a", {"priority": Variant("u", 7)}, {"x": Variant("as", ["1", "2"])}], ["b", {}, {}]]
    assert service.calls == [(member, "a(sa{sv}a{sv})", [sent])]


@pytest.mark.parametrize(
    ("member", "arguments"),
    [
        ("kill", ("a@1", "SIGTERM")),
        ("cancel", ("a@1",)),
        ("decommission", ("build",)),
        ("recommission", ("build",)),
        ("drain", ()),
        ("resume", ()),
        ("reload", ()),
    ],
)
async def test_a_method_without_an_answer_sends_its_strings(
    service: Standin, client: Client, member: str, arguments: tuple[str, ...]
) -> None:
    await getattr(client, member)(*arguments)
    assert service.calls == [(member.capitalize(), "s" * len(arguments), list(arguments))]


async def test_the_queue_is_asked_and_answers_values(service: Standin, client: Client) -> None:
    service.answers["BatchTest"] = ("a(sstss)", [[["a?x=1", "later", 70, "memory", "not free"]]])
    service.answers["Explain"] = ("a(sss)", [[["memory", "not-now", "not free"]]])
    service.answers["GetPlan"] = ("s", ["<svg/>"])
    event = [8, 20, "a@1", "TaskEnded", {"exit_status": Variant("i", 3)}]
    service.answers["ListEvents"] = ("a(ttssa{sv})", [[event]])
    expected = Forecast(name="a?x=1", verdict="later", start=70, code="memory", text="not free")
    assert await client.batch_test([Request("a", {}, {})]) == [expected]
    assert await client.explain("a@1") == [Reason(resource="memory", verdict="not-now", text="not free")]
    assert await client.get_plan("svg") == "<svg/>"
    past = PastEvent(sequence=8, time=20, id="a@1", event="TaskEnded", details={"exit_status": 3})
    assert await client.list_events(7) == [past]
    await client.set_task_properties("a@1", {"priority": Value("u", 3)})
    assert service.calls == [
        ("BatchTest", "a(sa{sv}a{sv})", [[["a", {}, {}]]]),
        ("Explain", "s", ["a@1"]),
        ("GetPlan", "s", ["svg"]),
        ("ListEvents", "tu", [7, 0]),
        ("SetTaskProperties", "sa{sv}", ["a@1", {"priority": Variant("u", 3)}]),
    ]


async def test_workorder_start_answers_ids(service: Standin, client: Client) -> None:
    service.answers["WorkorderStart"] = ("as", [["build@1"]])
    assert await client.workorder_start([Request("build", {}, {})]) == ["build@1"]


async def test_tasks_come_back_without_variants(service: Standin, client: Client) -> None:
    inner = {"target": Variant("s", "x"), "n": Variant("av", [Variant("i", 1)])}
    shown = {"id": Variant("s", "a@1"), "parameters": Variant("a{sv}", inner)}
    service.answers["GetTask"] = ("a{sv}", [shown])
    service.answers["ListTasks"] = ("aa{sv}", [[shown]])
    expected = {"id": "a@1", "parameters": {"target": "x", "n": [1]}}
    assert await client.get_task("a@1") == expected
    assert await client.list_tasks({"root": Value("s", "a")}) == [expected]
    assert service.called("ListTasks") == [[{"root": Variant("s", "a")}]]


async def test_units_and_their_problems_come_back_as_values(service: Standin, client: Client) -> None:
    service.answers["ListUnits"] = ("a(ssssb)", [[["a", "batch", "/u/a.batch", "An a", False]]])
    service.answers["GetUnitProblems"] = ("a(susss)", [[["/u/a.batch", 3, "Size", "error", "no size"]]])
    (row,) = await client.list_units()
    assert (row.name, row.kind, row.path, row.description, row.loaded) == ("a", "batch", "/u/a.batch", "An a", False)
    assert await client.get_unit_problems("a") == [Problem("/u/a.batch", 3, "Size", Severity.ERROR, "no size")]


async def test_properties_are_read_one_by_one_or_all_at_once(service: Standin, client: Client) -> None:
    service.answers["Get"] = ("v", [Variant("t", 5)])
    service.answers["GetAll"] = ("a{sv}", [{"Roots": Variant("as", ["build"])}])
    assert await client.get("MemoryBudget") == 5
    assert await client.get_all() == {"Roots": ["build"]}
    assert service.called("Get") == [[MANAGER, "MemoryBudget"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("org.sdtaskpacker1.Error.InvalidParameters", InvalidParameters),
        ("org.sdtaskpacker1.Error.NoSuchTask", NoSuchTask),
        ("org.freedesktop.DBus.Error.AccessDenied", AccessDenied),
        ("org.freedesktop.DBus.Error.NoReply", Unreachable),
        ("org.freedesktop.DBus.Error.UnknownMethod", Unreachable),
        ("com.example.Odd", Unreachable),
    ],
)
async def test_an_error_reply_becomes_an_error_of_ours(
    service: Standin, client: Client, name: str, expected: type[Exception]
) -> None:
    service.answers["Reload"] = (name, ["it says so"])
    with pytest.raises(expected):
        await client.reload()


async def test_message_and_hint_arrive_apart(service: Standin, client: Client) -> None:
    sent = InvalidParameters("'x' is no size (of 4)", hint="use small (128M)")
    service.answers["Reload"] = (sent.bus_name(), [sent.bus_text()])
    with pytest.raises(InvalidParameters) as caught:
        await client.reload()
    assert (caught.value.message, caught.value.hint) == (sent.message, sent.hint)


async def test_a_service_that_is_not_there_is_unreachable_with_the_command_that_starts_it(address: str) -> None:
    async with await Client.connect(user=True) as client:
        with pytest.raises(Unreachable, match=r"systemctl --user start sd-taskpacker"):
            await client.reload()


async def test_an_answer_of_another_form_names_the_versions(service: Standin, client: Client) -> None:
    service.answers["WorkorderStart"] = ("s", ["build@1"])
    service.answers["BatchSubmit"] = ("a(asas)", [[[["a@1"], []]]])
    with pytest.raises(Unreachable, match="differ in version"):
        await client.workorder_start([])
    with pytest.raises(Unreachable, match="answered 1 of 0 requests"):
        await client.batch_submit([])


async def test_a_bus_that_dies_during_a_call_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with private_bus(tmp_path) as found:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", found)
        client = await Client.connect(user=True)
        news = await client.watch()
    assert await news.get() == BusLost()
    with pytest.raises(Unreachable):
        await client.reload()
    await client.close()


async def test_news_sent_before_the_answer_are_not_missed(service: Standin, client: Client) -> None:
    ended: list[object] = ["a@1", {"x": Variant("s", "1")}, [3, 2, 1, 0]]
    service.before["BatchSubmit"] = [("BatchComplete", "sa{sv}au", ended), ("BatchFailed", "sa{sv}au", ended)]
    service.answers["BatchSubmit"] = ("a(asas)", [[[["a@1"], []]]])
    news = await client.watch()
    await client.batch_submit([Request("a", {}, {})])
    first, second = await news.get(), await news.get()
    assert first == BatchEnded(id="a@1", complete=True, parameters={"x": "1"}, slots=(3, 2, 1, 0))
    assert isinstance(second, BatchEnded)
    assert not second.complete


async def test_news_tell_of_changed_figures_and_tasks_and_of_a_service_that_leaves_and_comes(
    service: Standin, client: Client
) -> None:
    news = await client.watch()
    service.emit("PropertiesChanged", "sa{sv}as", [MANAGER, {"NRunning": Variant("u", 2)}, []])
    assert await news.get() == FiguresChanged({"NRunning": 2})
    service.emit("TaskChanged", "tssa{sv}", [7, "a@1", "failed", {"exit_status": Variant("i", 3)}])
    assert await news.get() == TaskChanged(sequence=7, id="a@1", state="failed", details={"exit_status": 3})
    service.emit("BatchComplete", "s", ["not the signature that it has"])
    await service.bus.release_name("org.sdtaskpacker1")
    assert await news.get() == ServiceGone()
    with pytest.raises(Absent):
        await client.reload()
    await service.bus.request_name("org.sdtaskpacker1")
    assert await news.get() == ServiceCame()


async def test_close_ends_what_watches(service: Standin) -> None:
    before = asyncio.all_tasks()
    client = await Client.connect(user=True)
    await client.watch()
    await client.close()
    assert asyncio.all_tasks() == before


def test_the_address_is_found_as_sd_bus_finds_it() -> None:
    assert bus_address({}, user=False) == "unix:path=/run/dbus/system_bus_socket"
    assert bus_address({"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/x"}, user=False) == "unix:path=/x"
    assert bus_address({"XDG_RUNTIME_DIR": "/run/user/7"}, user=True) == "unix:path=/run/user/7/bus"
    with pytest.raises(Unreachable, match="no session bus"):
        bus_address({}, user=True)


async def test_a_bus_that_stays_away_is_told_when_it_was_tried_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "RECONNECT_PAUSE_SEC", 0)
    monkeypatch.setattr(link, "RECONNECT_TRIES", 3)
    async with contextlib.AsyncExitStack() as stack:
        async with private_bus(tmp_path) as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            client = await stack.enter_async_context(await Client.connect(user=True))
            news = await client.watch()
        assert isinstance(await news.get(), BusLost)
        with pytest.raises(BusGone):
            await client.get_task("a@1")
        with pytest.raises(Unreachable, match="Cannot connect to the session bus"):
            await client.reconnect()


async def test_news_go_on_in_the_same_queue_when_reconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with private_bus(tmp_path) as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            client = await stack.enter_async_context(await Client.connect(user=True))
            news = await client.watch()
        assert isinstance(await news.get(), BusLost)
        async with private_bus(tmp_path):
            await client.reconnect()
            await client.reconnect()
            async with standin(address):
                assert await news.get() == ServiceCame()
