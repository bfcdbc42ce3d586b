# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest
from dbus_next.signature import Variant

from tests.cli.standin import PATIENCE, Standin, finish, run, start, task


def known(service: Standin, **tasks: dict[str, Variant]) -> None:
    service.answers["GetTask"] = lambda task_id: ("a{sv}", [tasks[task_id.partition("@")[0]]])


def ended(name: str, status: int = 0, **details: Any) -> dict[str, Variant]:
    state = "failed" if status else "complete"
    return task(f"{name}@1", state=state, exit_status=status, **details)


@pytest.mark.parametrize("status", [0, 7])
async def test_wait_for_what_has_ended_already_is_its_status(service: Standin, address: str, status: int) -> None:
    known(service, a=ended("a", status))
    done = await run(address, "wait", "a@1")
    assert (done.status, done.out) == (status, "")


async def test_wait_for_several_is_the_status_of_the_first_failure(service: Standin, address: str) -> None:
    known(service, a=ended("a"), b=ended("b", 5), c=ended("c", 6))
    assert (await run(address, "wait", "a@1", "b@1", "c@1")).status == 5
    done = await run(address, "wait", "c@1", "b@1", "c@1", "--json", "-q")
    assert (done.status, [each["id"] for each in json.loads(done.out)]) == (6, ["c@1", "b@1"])


async def test_wait_goes_on_until_the_last_one_has_ended(service: Standin, address: str) -> None:
    known(service, a=ended("a"), b=task("b@1"))
    process = await start(address, "wait", "a@1", "b@1", "-q")
    await service.seen("GetTask", process)
    known(service, a=ended("a"), b=ended("b", 3))
    service.emit("TaskChanged", "tssa{sv}", [7, "b@1", "failed", {}])
    assert (await finish(process)).status == 3


async def test_a_retry_that_succeeded_is_no_failure(service: Standin, address: str) -> None:
    known(service, a=ended("a", 7, retries=1), again=ended("again", retry_of="a@1"), c=ended("c", 4))
    service.answers["ListTasks"] = ("aa{sv}", [[ended("again", retry_of="a@1")]])
    assert (await run(address, "wait", "a@1", "c@1")).status == 4


async def test_wait_for_an_unknown_task_exits_4_at_once(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("org.sdtaskpacker1.Error.NoSuchTask", ["there is no task 'nope@1'"])
    assert (await run(address, "wait", "nope@1")).status == 4


async def test_a_wait_that_runs_out_of_time_exits_124_and_says_that_the_task_goes_on(
    service: Standin, address: str
) -> None:
    known(service, a=task("a@1"))
    done = await run(address, "wait", "a@1", "--timeout=1ms")
    assert (done.status, done.out) == (124, "")
    assert "Not over within the time given. a@1 goes on without this command" in done.err
    assert "Interrupted" not in done.err


async def test_a_time_that_is_not_up_changes_nothing(service: Standin, address: str) -> None:
    known(service, a=ended("a", 7))
    for timeout in ("1h", "infinity"):
        assert (await run(address, "wait", "a@1", f"--timeout={timeout}")).status == 7


async def test_ctrl_c_exits_130_and_says_that_the_task_goes_on(service: Standin, address: str) -> None:
    looked = asyncio.Event()

    def answer(task_id: str) -> tuple[str, Any]:
        # First whether there is such a task, then, in the wait, whether it has ended.
        if len(service.called("GetTask")) > 1:
            looked.set()
        return "a{sv}", [task(task_id)]

    service.answers["GetTask"] = answer
    process = await start(address, "wait", "a@1")
    async with asyncio.timeout(PATIENCE):
        await looked.wait()
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert (done.status, done.out) == (130, "")
    assert "Interrupted. a@1 goes on without this command" in done.err
    assert "Traceback" not in done.err
