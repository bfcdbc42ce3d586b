# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
import time
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
    assert head.split() == ["ID", "KIND", "STATE", "MEMORY", "CPUS", "WHEN", "RESULT"]
    assert first.split()[:5] == ["massif@1", "batch", "running", "128M", "1"]
    assert second.endswith("oom-kill")
    # The two wide characters take four columns.
    assert second.index("batch") == first.index("batch") - 2
    assert "\x1b" not in done.out


def waiting_task(**details: Any) -> dict[str, Variant]:
    shown = task("massif@1", state="waiting", **details)
    del shown["started"]
    return shown


def since(seconds: int) -> int:
    """usec: that long ago."""
    return time.time_ns() // 1000 - seconds * 1_000_000


async def test_list_shows_when_what_waits_will_start_and_since_when_the_rest_is_so(
    service: Standin, address: str
) -> None:
    shown = [
        task("ended@1", state="failed", result="signal", signal="KILL", ended=since(3 * 86400 + 60)),
        waiting_task(promised=since(-4 * 3600 - 60)),
        task("runs@1", started=since(2 * 3600 + 60)),
        waiting_task(result="cancelled") | {"state": Variant("s", "failed")},
    ]
    service.answers["ListTasks"] = ("aa{sv}", [shown])
    runs, waits, ended, cancelled = (await run(address, "list", "--no-legend")).out.splitlines()
    assert runs.split()[0] == "runs@1"
    assert runs.endswith("2h ago     -")
    assert waits.endswith("within 4h  -")
    assert ended.endswith("3d ago     signal SIGKILL")
    assert cancelled.split()[-2:] == ["-", "cancelled"]


async def test_list_shows_what_waits_in_the_order_of_its_starts(service: Standin, address: str) -> None:
    later, sooner = (waiting_task(promised=since(-hours * 3600)) for hours in (9, 5))
    service.answers["ListTasks"] = ("aa{sv}", [[later, sooner]])
    first, second = (await run(address, "list", "--no-legend")).out.splitlines()
    assert [first.split()[6], second.split()[6]] == ["4h", "8h"]


async def test_list_finds_a_tag_among_all_that_the_service_tells(service: Standin, address: str) -> None:
    shown = [task("a@1", tag="mine"), task("b@1", tag="yours"), task("c@1"), task("d@1", tag="mine")]
    service.answers["ListTasks"] = ("aa{sv}", [shown])
    done = await run(address, "list", "--tag=mine", "--json")
    assert [each["id"] for each in json.loads(done.out)] == ["a@1", "d@1"]
    done = await run(address, "list", "--tag=mine", "-n1", "--json")
    assert [each["id"] for each in json.loads(done.out)] == ["a@1"]
    assert service.called("ListTasks") == [[{"limit": Variant("u", 10_000)}]] * 2


async def test_list_since_a_moment_is_about_what_has_ended_too(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[]])
    assert (await run(address, "list", "--since=@1795258385")).status == 0
    states = Variant("as", ["waiting", "running", "complete", "failed"])
    [[filters]] = service.called("ListTasks")
    assert (filters["state"], filters["since"]) == (states, Variant("t", 1_795_258_385_000_000))
    done = await run(address, "list", "--since=soon")
    assert (done.status, "'soon' is not a moment" in done.err) == (2, True)


async def test_columns_stay_below_each_other_where_the_encoding_lacks_characters(
    service: Standin, address: str
) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1"), task("世界@2")]])
    done = await run(address, "list", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    head, first, second = done.out.splitlines()
    assert second.startswith(r"\u4e16\u754c@2")
    assert head.index("KIND") == first.index("batch") == second.index("batch")


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
    assert service.called("ListTasks") == [[{"limit": Variant("u", 10_000)} | filters]]


async def test_list_ends_with_how_many_there_were_where_a_person_reads_it(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("a@1"), task("a@2")]])
    assert (await run(address, "list")).err == "2 tasks listed.\n"
    for option in ("--no-legend", "--json=short", "-q"):
        assert (await run(address, "list", option)).err == ""


@pytest.mark.parametrize("option", ["--json=off", "--json=short", "--no-legend"])
async def test_a_list_that_the_service_has_cut_says_so(service: Standin, address: str, option: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("a@1")] * 10_000])
    done = await run(address, "list", option)
    assert "There may be more: the service lists 10,000 tasks at most" in done.err
    assert "There may be" not in done.out


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


async def test_status_of_an_unknown_task_exits_4_and_says_how_to_find_one(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("org.sdtaskpacker1.Error.NoSuchTask", ["there is no task 'nope@1'"])
    done = await run(address, "status", "nope@1")
    assert (done.status, done.out) == (4, "")
    assert done.err.splitlines() == [
        "there is no task 'nope@1'",
        "Hint: taskpackerctl list --all shows the tasks there are",
    ]


async def test_show_of_a_task_and_of_one_property(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("a{sv}", [task("massif@1")])
    assert "state=running" in (await run(address, "show", "massif@1")).out.splitlines()
    assert (await run(address, "show", "massif@1", "-p", "state", "--value")).out == "running\n"
    assert (await run(address, "show", "massif@1", "-p", "nope")).out == ""


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
