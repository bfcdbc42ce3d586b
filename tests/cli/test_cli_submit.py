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

from tests.cli.standin import BUS_NAME, Standin, finish, line, private_bus, run, standin, start, task


def answer(service: Standin, *accepted: str, rejected: tuple[str, ...] = (), member: str = "BatchQueue") -> None:
    service.answers[member] = ("a(asas)", [[[list(accepted), list(rejected)]]])


def changes(task_id: str, state: str, **details: Variant) -> tuple[str, str, list[Any]]:
    return ("TaskChanged", "tssa{sv}", [7, task_id, state, details])


async def test_submit_queues_and_prints_ids_and_nothing_else(service: Standin, address: str) -> None:
    answer(service, "massif@1", "massif@2")
    done = await run(address, "submit", "massif", "target=a", "target=b", "--priority=5")
    assert (done.status, done.out, done.err) == (0, "massif@1\nmassif@2\n", "")
    params = {"target": Variant("as", ["a", "b"])}
    assert service.calls == [("BatchQueue", "a(sa{sv}a{sv})", [[["massif", {"priority": Variant("u", 5)}, params]]])]


async def test_what_can_never_run_is_said_on_stderr_and_exits_75(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif?target=b", "massif?target=c"))
    done = await run(address, "submit", "massif")
    assert (done.status, done.out) == (75, "massif@1\n")
    assert done.err.splitlines() == [
        "No room for massif?target=b, not even later",
        "No room for massif?target=c, not even later",
        "Hint: the same with --dry-run says why",
    ]


async def test_why_it_can_never_run_is_said_where_the_service_tells(service: Standin, address: str) -> None:
    answer(service, rejected=("massif",))
    text = "would end in 10min, 5min after its deadline"
    service.answers["BatchTest"] = ("a(sstss)", [[["massif", "never", 0, "deadline", text]]])
    done = await run(address, "submit", "massif", "--deadline=5min")
    assert (done.status, done.out) == (75, "")
    assert done.err == f"Not accepted: massif: {text}\n"


async def test_submit_now_does_not_queue(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif?target=b",), member="BatchSubmit")
    done = await run(address, "submit", "massif", "--now")
    assert (done.status, done.out) == (75, "massif@1\n")
    assert done.err.splitlines() == [
        "No room now for massif?target=b",
        "Hint: without --now it waits, if there can ever be room",
    ]
    assert "BatchQueue" not in [member for member, _, _ in service.calls]


async def test_submit_now_to_a_drained_service_says_what_to_do(service: Standin, address: str) -> None:
    answer(service, rejected=("massif",), member="BatchSubmit")
    service.answers["GetAll"] = ("a{sv}", [{"Draining": Variant("b", True)}])
    done = await run(address, "submit", "massif", "--now")
    assert done.status == 75
    assert done.err.splitlines() == [
        "sd-taskpacker is drained and starts nothing, so not massif",
        "Hint: taskpackerctl resume lets tasks start again; without --now it waits until then",
    ]


async def test_json_has_what_was_taken_and_what_was_rejected(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif",))
    answer(service, "massif@2", member="BatchSubmit")
    done = await run(address, "submit", "massif", "--json=short")
    assert json.loads(done.out) == {"accepted": ["massif@1"], "rejected": ["massif"]}
    done = await run(address, "submit", "massif", "--now", "--json")
    assert json.loads(done.out) == {"started": ["massif@2"], "rejected": []}


NOW = ["massif?x=1", "now", 1_795_258_385_000_000, "fits", "it starts now"]
LATER = ["massif?x=2", "later", 1_795_258_445_000_000, "memory", "1G is not free"]
NEVER = ["massif?x=3", "never", 0, "memory", "64G is more than there is"]


@pytest.mark.parametrize(
    ("rows", "option", "status"),
    [([NOW, LATER], "-q", 0), ([NOW, LATER], "--now", 75), ([NOW], "--now", 0), ([NOW, NEVER], "-q", 75)],
)
async def test_a_dry_run_exits_as_the_submission_would(
    service: Standin, address: str, rows: list[list[object]], option: str, status: int
) -> None:
    service.answers["BatchTest"] = ("a(sstss)", [rows])
    done = await run(address, "submit", "massif", "x=1", "--dry-run", option)
    assert (done.status, done.err, len(done.out.splitlines())) == (status, "", 1 + len(rows))
    assert service.calls == [("BatchTest", "a(sa{sv}a{sv})", [[["massif", {}, {"x": Variant("s", "1")}]]])]


async def test_a_dry_run_shows_start_and_reason_of_each(service: Standin, address: str) -> None:
    service.answers["BatchTest"] = ("a(sstss)", [[LATER, NEVER]])
    head, later, never = (await run(address, "submit", "massif", "--dry-run")).out.splitlines()
    assert head.split() == ["NAME", "VERDICT", "START", "CODE", "REASON"]
    assert later.split(maxsplit=2)[:2] == ["massif?x=2", "later"]
    assert "Sat 2026-11-21 10:54:05 UTC  memory  1G is not free" in later
    assert never.split()[:4] == ["massif?x=3", "never", "-", "memory"]
    shown = json.loads((await run(address, "submit", "massif", "--dry-run", "--json=short")).out)
    assert shown[1] == dict(zip(("name", "verdict", "start", "code", "text"), NEVER, strict=True))


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
    service.before["BatchQueue"] = [changes("massif@1", "running"), changes("massif@1", state)]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state=state, **details)])
    done = await run(address, "submit", "massif", "--wait")
    assert (done.status, done.out) == (status, "massif@1\n")
    assert said in done.err


async def test_wait_for_several_is_0_or_1_and_ignores_the_ends_of_others(service: Standin, address: str) -> None:
    answer(service, "massif@1", "massif@2")
    over = [changes("other@1", "complete"), changes("massif@2", "failed"), changes("massif@1", "failed")]
    service.after["BatchQueue"] = over
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=7)])
    done = await run(address, "submit", "massif", "--wait", "-q")
    assert (done.status, done.err) == (1, "")
    assert service.called("GetTask") == [["massif@2"], ["massif@1"]]


async def test_wait_does_not_hide_that_something_was_rejected(service: Standin, address: str) -> None:
    answer(service, "massif@1", rejected=("massif?x=2",))
    service.after["BatchQueue"] = [changes("massif@1", "complete")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="complete")])
    assert (await run(address, "submit", "massif", "--wait")).status == 75


async def test_a_signal_that_lies_does_not_end_the_wait(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.after["BatchQueue"] = [changes("massif@1", "complete")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
    process = await start(address, "submit", "massif", "--wait")
    assert await line(process.stdout) == "massif@1\n"
    await service.seen("GetTask", process)
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=3)])
    service.emit(*changes("massif@1", "failed"))
    assert (await finish(process)).status == 3


async def test_wait_for_a_workorder_is_woken_by_its_change(service: Standin, address: str) -> None:
    service.answers["WorkorderStart"] = ("as", [["build@1"]])
    service.after["WorkorderStart"] = [changes("build@1", "failed")]
    service.answers["GetTask"] = ("a{sv}", [task("build@1", kind="workorder", state="failed", exit_status=4)])
    done = await run(address, "start", "build", "--wait")
    assert (done.status, done.out) == (4, "build@1\n")


async def test_wait_tells_when_a_task_waits_and_when_it_starts(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    promised = Variant("t", 1_795_258_385_000_000)
    service.after["BatchQueue"] = [
        changes("massif@1", "waiting", promised=promised),
        changes("massif@1", "running", promised=promised),
        changes("massif@1", "complete", promised=promised),
    ]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="complete")])
    done = await run(address, "submit", "massif", "--wait")
    assert (done.status, done.err.splitlines()) == (
        0,
        [
            "massif@1 waits, to start by Sat 2026-11-21 10:53:05 UTC",
            "massif@1 has started",
            "massif@1 complete",
        ],
    )
    assert len(service.called("GetTask")) == 1


@pytest.mark.parametrize("looks", [1, 2], ids=["which has ended already", "which ends later"])
async def test_wait_goes_on_with_the_next_try(service: Standin, address: str, looks: int) -> None:
    answer(service, "massif@1")
    states = iter(["running", "complete"][-looks:])

    def get_task(task_id: str) -> tuple[str, Any]:
        again = task_id == "massif@2"
        return "a{sv}", [task(task_id, state=next(states)) if again else task(task_id, state="failed", retries=1)]

    service.answers["GetTask"] = get_task
    tries = [task("massif@3", state="running"), task("massif@2", state="running", retry_of="massif@1")]
    service.answers["ListTasks"] = ("aa{sv}", [tries])
    service.after["BatchQueue"] = [changes("massif@1", "failed")]
    service.after["ListTasks"] = [changes("massif@2", "complete")]
    done = await run(address, "submit", "massif", "--wait")
    said = ["massif@1 failed; it is tried again as massif@2", "massif@2 complete"]
    assert (done.status, done.err.splitlines()) == (0, said)
    assert service.called("GetTask") == [["massif@1"]] + [["massif@2"]] * looks


async def test_the_next_try_is_looked_for_among_what_came_since_the_end(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.after["BatchQueue"] = [changes("massif@1", "failed")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", retries=1, submitted=5, ended=90)])
    service.answers["ListTasks"] = ("aa{sv}", [[]])
    await run(address, "submit", "massif", "--wait")
    assert Variant("t", 90) in [filters.get("since") for [filters] in service.called("ListTasks")]


async def test_the_last_try_is_the_end(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.after["BatchQueue"] = [changes("massif@1", "failed")]
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=7, on_oom="larger")])
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1", state="failed")]])
    assert (await run(address, "submit", "massif", "--wait")).status == 7


async def test_ctrl_c_says_that_the_task_goes_on_and_exits_130(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    process = await start(address, "submit", "massif", "--wait")
    assert await line(process.stdout) == "massif@1\n"
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert done.status == 130
    assert "massif@1 goes on without this command" in done.err
    assert "Traceback" not in done.err


async def test_ctrl_c_before_the_answer_says_how_to_find_out(service: Standin, address: str) -> None:
    service.answers["BatchQueue"] = None
    process = await start(address, "submit", "massif")
    await service.seen("BatchQueue", process)
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert done.status == 130
    assert "taskpackerctl list shows whether anything was accepted" in done.err


async def waiting(address: str) -> asyncio.subprocess.Process:
    """`submit --wait` that has printed the id of its task."""
    process = await start(address, "submit", "massif", "--wait")
    assert await line(process.stdout) == "massif@1\n"
    return process


async def test_wait_survives_a_restart_of_the_service(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    process = await waiting(address)
    await service.bus.release_name(BUS_NAME)
    assert "went away; waiting until it is back" in await line(process.stderr)
    # It ended meanwhile, and nobody will tell.
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=7)])
    await service.bus.request_name(BUS_NAME)
    assert (await finish(process)).status == 7


async def test_wait_goes_on_with_the_service_that_came_back(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
    process = await waiting(address)
    await service.bus.release_name(BUS_NAME)
    await service.bus.request_name(BUS_NAME)
    await service.seen("GetTask", process)
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=3)])
    service.emit(*changes("massif@1", "failed"))
    assert (await finish(process)).status == 3


async def test_a_service_that_leaves_while_it_is_asked_does_not_end_the_wait(service: Standin, address: str) -> None:
    answer(service, "massif@1")
    service.answers["GetTask"] = ("org.freedesktop.DBus.Error.NoReply", ["gone"])
    service.after["BatchQueue"] = [changes("massif@1", "complete")]
    process = await waiting(address)
    await service.seen("GetTask", process)
    await service.bus.release_name(BUS_NAME)
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="complete")])
    await service.bus.request_name(BUS_NAME)
    assert (await finish(process)).status == 0


async def test_wait_survives_that_the_bus_goes_away_and_comes_back(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as old:
        async with private_bus(tmp_path) as address:
            service = await old.enter_async_context(standin(address))
            answer(service, "massif@1")
            process = await waiting(address)
        # The bus tells before it goes that the service has gone.
        while "The bus went away; waiting until it is back" not in (said := await line(process.stderr)):
            assert "sd-taskpacker went away" in said
    async with private_bus(tmp_path) as address, standin(address) as service:
        service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
        await service.seen("GetTask", process)
        service.answers["GetTask"] = ("a{sv}", [task("massif@1", state="failed", exit_status=5)])
        service.emit(*changes("massif@1", "failed"))
        assert (await finish(process)).status == 5
