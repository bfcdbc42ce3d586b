# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from dbus_next.signature import Variant

from tests.cli.standin import BUS_NAME, MANAGER, Standin, private_bus, run, standin, start, task


def answer(service: Standin, *started: str, rejected: tuple[str, ...] = ()) -> None:
    service.answers["BatchSubmit"] = ("a(asas)", [[[list(started), list(rejected)]]])


def ends(member: str, task_id: str) -> tuple[str, str, list[Any]]:
    return (member, "sa{sv}au", [task_id, {}, [9, 2, 1, 0]])


async def test_submit_prints_ids_and_nothing_else(service: Standin, address: str) -> None:
    answer(service, "massif@1", "massif@2")
    done = await run(address, "submit", "massif", "target=a", "target=b", "--priority=5")
    assert (done.status, done.out, done.err) == (0, "massif@1\nmassif@2\n", "")
    params = {"target": Variant("as", ["a", "b"])}
    assert service.called("BatchSubmit") == [[[["massif", {"priority": Variant("u", 5)}, params]]]]


async def test_what_found_no_room_is_said_on_stderr_and_exits_75(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif?target=b",))
    done = await run(address, "submit", "massif")
    assert (done.status, done.out) == (75, "massif@1\n")
    assert "No room now for massif?target=b" in done.err


async def test_json_has_started_and_rejected(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif",))
    done = await run(address, "submit", "massif", "--json=short")
    assert json.loads(done.out) == {"started": ["massif@1"], "rejected": ["massif"]}


async def test_start_prints_the_workorder(service: Standin, address: str) -> None:
    service.answers["WorkorderStart"] = ("as", [["build@1"]])
    done = await run(address, "start", "build")
    assert (done.status, done.out) == (0, "build@1\n")


@pytest.mark.parametrize(
    ("state", "details", "status", "said"),
    [
        ("complete", {"result": "success", "exit_status": 0}, 0, "massif@1 complete"),
        ("failed", {"result": "exit-code", "exit_status": 7}, 7, "massif@1 failed: exit-code, status 7"),
        ("failed", {"result": "oom-kill", "signal": "KILL"}, 137, "massif@1 failed: oom-kill, SIGKILL"),
        ("failed", {"result": "could-not-start", "message": "no such file"}, 1, "no such file"),
        ("failed", {"result": "timeout", "exit_status": 0}, 1, "timeout"),
    ],
)
async def test_wait_exits_with_the_tasks_own_status(
    service: Standin, address: str, state: str, details: dict[str, Any], status: int, said: str
) -> None:
    answer(service, "massif@1")
    # The task is over before the answer is read, as short ones are.
    service.before["BatchSubmit"] = [ends("BatchComplete" if status == 0 else "BatchFailed", "massif@1")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state=state, **details)])
    done = await run(address, "submit", "massif", "--wait")
    assert (done.status, done.out) == (status, "massif@1\n")
    assert said in done.err


async def test_wait_for_several_is_0_or_1_and_ignores_the_ends_of_others(service: Standin, address: str) -> None:
    answer(service, "massif@1", "massif@2")
    over = [ends("BatchComplete", "other@1"), ends("BatchFailed", "massif@2"), ends("BatchFailed", "massif@1")]
    service.after["BatchSubmit"] = over
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=7)])
    done = await run(address, "submit", "massif", "--wait", "-q")
    assert (done.status, done.err) == (1, "")
    assert service.called("GetTask") == [["massif@2"], ["massif@1"]]


async def test_wait_does_not_hide_that_something_was_rejected(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif?x=2",))
    service.after["BatchSubmit"] = [ends("BatchComplete", "massif@1")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="complete")])
    assert (await run(address, "submit", "massif", "--wait")).status == 75


async def test_a_signal_that_lies_does_not_end_the_wait(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.after["BatchSubmit"] = [ends("BatchComplete", "massif@1")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
    process = await start(address, "submit", "massif", "--wait")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"massif@1\n"
    await service.seen("GetTask")
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=3)])
    service.emit(*ends("BatchFailed", "massif@1"))
    await process.communicate()
    assert process.returncode == 3


async def test_wait_for_a_workorder_is_woken_by_the_figures(service: Standin, address: str) -> None:
    service.answers["WorkorderStart"] = ("as", [["build@1"]])
    service.answers["GetTask"] = ("a{sv}", [task("build@1", kind="workorder")])
    process = await start(address, "start", "build", "--wait")
    await service.seen("GetTask")
    service.answers["GetTask"] = ("a{sv}", [task("build@1", kind="workorder", state="failed", exit_status=4)])
    service.emit("PropertiesChanged", "sa{sv}as", [MANAGER, {"NRunning": Variant("u", 0)}, []])
    out, _ = await process.communicate()
    assert (process.returncode, out) == (4, b"build@1\n")


async def test_ctrl_c_says_that_the_task_goes_on_and_exits_130(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    process = await start(address, "submit", "massif", "--wait")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"massif@1\n"
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"massif@1 goes on without this command" in err
    assert b"Traceback" not in err


async def test_ctrl_c_before_the_answer_says_how_to_find_out(service: Standin, address: str) -> None:
    service.answers["BatchSubmit"] = None
    process = await start(address, "submit", "massif")
    await service.seen("BatchSubmit")
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"shows whether anything was started" in err


async def waiting(address: str) -> asyncio.subprocess.Process:
    """`submit --wait` that has printed the id of its task."""
    process = await start(address, "submit", "massif", "--wait")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"massif@1\n"
    return process


async def test_wait_survives_a_restart_of_the_service(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    process = await waiting(address)
    await service.bus.release_name(BUS_NAME)
    assert process.stderr is not None
    assert b"went away; waiting until it is back" in await process.stderr.readline()
    # It ended meanwhile, and nobody will tell.
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=7)])
    await service.bus.request_name(BUS_NAME)
    await process.communicate()
    assert process.returncode == 7


async def test_wait_goes_on_with_the_service_that_came_back(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
    process = await waiting(address)
    await service.bus.release_name(BUS_NAME)
    await service.bus.request_name(BUS_NAME)
    await service.seen("GetTask")
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=3)])
    service.emit(*ends("BatchFailed", "massif@1"))
    await process.communicate()
    assert process.returncode == 3


async def test_a_service_that_leaves_while_it_is_asked_does_not_end_the_wait(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.answers["GetTask"] = ("org.freedesktop.DBus.Error.NoReply", ["gone"])
    service.after["BatchSubmit"] = [ends("BatchComplete", "massif@1")]
    process = await waiting(address)
    await service.seen("GetTask")
    await service.bus.release_name(BUS_NAME)
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="complete")])
    await service.bus.request_name(BUS_NAME)
    await process.communicate()
    assert process.returncode == 0


async def test_a_bus_that_is_lost_during_the_wait_exits_69(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with private_bus(tmp_path) as address:
            service = await stack.enter_async_context(standin(address))
            answer(service, "massif@1")
            process = await waiting(address)
        _, err = await process.communicate()
        assert process.returncode == 69
        assert b"massif@1 goes on" in err
