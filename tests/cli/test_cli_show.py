# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from dbus_next.signature import Variant

from tests.cli.standin import Standin, run, task

FIGURES = {
    "Version": Variant("s", "0.1.0"),
    "MemoryBudget": Variant("t", 2 << 30),
    "ChunksTotal": Variant("u", 64),
    "ChunksFree": Variant("u", 60),
    "CPUsTotal": Variant("u", 2),
    "CPUsFree": Variant("u", 1),
    "EstimatedSlotsRemaining": Variant("au", [60, 15, 7, 1]),
    "NRunning": Variant("u", 1),
    "NQueued": Variant("u", 0),
    "Draining": Variant("b", False),
    "Roots": Variant("as", ["build", "test"]),
}


async def test_list_shows_a_table_whose_columns_wide_characters_do_not_break(service: Standin, address: str) -> None:
    tasks = [task("massif@1"), task("世界@2", state="failed", result="oom-kill")]
    service.answers["ListTasks"] = ("aa{sv}", [tasks])
    done = await run(address, "list")
    head, first, second = done.out.splitlines()
    assert done.status == 0
    assert head.split() == ["ID", "KIND", "STATE", "MEMORY", "CPUS", "START", "RESULT"]
    assert first.split()[:5] == ["massif@1", "batch", "running", "128M", "1"]
    assert second.endswith("oom-kill")
    # The two wide characters take four columns.
    assert second.index("batch") == first.index("batch") - 2
    assert "\x1b" not in done.out


def waiting_task(**details: Any) -> dict[str, Variant]:
    shown = task("massif@1", state="waiting", **details)
    del shown["started"]
    return shown


async def test_list_shows_when_what_waits_will_start(service: Standin, address: str) -> None:
    promised, cancelled = waiting_task(promised=1_795_258_385_000_000), waiting_task(result="cancelled")
    service.answers["ListTasks"] = ("aa{sv}", [[promised, cancelled | {"state": Variant("s", "failed")}]])
    first, second = (await run(address, "list", "--no-legend")).out.splitlines()
    assert first.endswith("by Sat 2026-11-21 10:53:05 UTC  -")
    assert second.split()[-2:] == ["-", "cancelled"]


@pytest.mark.parametrize(
    ("arguments", "filters"),
    [
        ((), {}),
        (("--root=build",), {"root": Variant("s", "build")}),
        (("--state=failed",), {"state": Variant("as", ["failed"])}),
        (("--all",), {"state": Variant("as", ["waiting", "running", "complete", "failed"])}),
        (("-n", "5"), {"limit": Variant("u", 5)}),
        (("--all", "--state=failed"), {"state": Variant("as", ["failed"])}),
    ],
)
async def test_list_lets_the_service_filter(
    service: Standin, address: str, arguments: tuple[str, ...], filters: dict[str, Variant]
) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[]])
    done = await run(address, "list", *arguments)
    assert (done.status, done.out, done.err) == (0, "", "No tasks.\n")
    assert service.called("ListTasks") == [[filters]]


async def test_a_name_cannot_drive_the_terminal(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("evil\x1b]0;owned\x07\n@1")]])
    for option in ("--json=off", "--json=short", "--json=pretty"):
        shown = (await run(address, "list", "--no-legend", option)).out
        assert r"\n@1" in shown
        assert not {"\x1b", "\x07"} & set(shown)


async def test_json_is_the_tasks_as_they_came(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1")]])
    short = (await run(address, "list", "--json=short")).out
    pretty = (await run(address, "list", "--json=pretty")).out
    assert short.count("\n") == 1 < pretty.count("\n")
    (shown,) = json.loads(short)
    assert json.loads(pretty) == [shown]
    assert (shown["id"], shown["memory_max"], shown["argv"]) == ("massif@1", 128 << 20, ["/bin/true"])


async def test_status_shows_the_budget_and_what_runs(service: Standin, address: str) -> None:
    service.answers["GetAll"] = ("a{sv}", [FIGURES])
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1")]])
    done = await run(address, "status")
    assert done.status == 0
    assert "  Memory: 2G in 64 chunks of 32M, 60 free" in done.out
    assert "Room for: 60 tiny, 15 small, 7 medium, 1 large" in done.out
    assert "massif@1" in done.out


async def test_status_says_when_nothing_further_starts(service: Standin, address: str) -> None:
    service.answers["GetAll"] = ("a{sv}", [FIGURES | {"Draining": Variant("b", True)}])
    service.answers["ListTasks"] = ("aa{sv}", [[]])
    assert "Tasks: 1 running, 0 waiting; drained: nothing further starts" in (await run(address, "status")).out


async def test_status_of_a_waiting_task_exits_3_and_shows_its_start(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("a{sv}", [waiting_task(promised=1_795_258_385_000_000, retry_of="massif@0")])
    done = await run(address, "status", "massif@1")
    assert done.status == 3
    assert "Start: by Sat 2026-11-21 10:53:05 UTC" in done.out
    assert "Retry of: massif@0" in done.out


async def test_status_of_a_cancelled_task_has_no_span(service: Standin, address: str) -> None:
    ended = waiting_task(result="cancelled", ended=1_795_258_475_000_000) | {"state": Variant("s", "failed")}
    service.answers["GetTask"] = ("a{sv}", [ended])
    done = await run(address, "status", "massif@1")
    assert (done.status, "Ended: Sat 2026-11-21 10:54:35 UTC\n" in done.out) == (3, True)


async def test_status_of_a_running_task_exits_0_and_of_an_ended_one_3(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
    done = await run(address, "status", "massif@1")
    assert done.status == 0
    assert "Started: Sat 2026-11-21 " in done.out
    ended = task("massif@1", state="failed", result="signal", signal="KILL", ended=1_795_258_475_000_000)
    service.answers["GetTask"] = ("a{sv}", [ended | {"memory_peak": Variant("t", 64 << 20)}])
    done = await run(address, "status", "massif@1")
    assert done.status == 3
    assert "State: failed (signal, SIGKILL)" in done.out
    assert "after 1min 30s" in done.out
    assert "128M at most, peak 64M" in done.out


async def test_status_of_an_unknown_task_exits_4_and_says_how_to_find_one(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("org.sdtaskpacker1.Error.NoSuchTask", ["there is no task 'nope@1'"])
    done = await run(address, "status", "nope@1")
    assert (done.status, done.out) == (4, "")
    assert done.err.splitlines() == [
        "there is no task 'nope@1'",
        "Hint: taskpackerctl list --all shows the tasks there are",
    ]


async def test_list_units_puts_the_problems_on_stderr(service: Standin, address: str) -> None:
    service.answers["ListUnits"] = ("a(ssssb)", [[["massif", "batch", "/u/massif.batch", "Heap", False]]])
    service.answers["GetUnitProblems"] = ("a(susss)", [[["/u/massif.batch", 3, "Size", "error", "'big' is no size"]]])
    done = await run(address, "list-units")
    assert done.status == 0
    assert done.out.splitlines()[1].split() == ["massif", "batch", "no", "/u/massif.batch", "Heap"]
    assert done.err == "/u/massif.batch:3: error: Size: 'big' is no size\n"
    assert service.called("GetUnitProblems") == [["massif.batch"]]
    (shown,) = json.loads((await run(address, "list-units", "--json=short")).out)
    assert shown["problems"][0]["line"] == 3
    assert shown["loaded"] is False


async def test_show_prints_properties_as_systemctl_does(service: Standin, address: str) -> None:
    service.answers["GetAll"] = ("a{sv}", [FIGURES])
    lines = (await run(address, "show")).out.splitlines()
    assert "MemoryBudget=2147483648" in lines
    assert "Roots=build test" in lines
    assert "EstimatedSlotsRemaining=60 15 7 1" in lines
    assert lines == sorted(lines)
