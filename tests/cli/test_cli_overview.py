# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from dbus_next.signature import Variant

from sd_taskpacker.cli.overview import Overview, drawn, memory_pressure
from sd_taskpacker.cli.terminal import Terminal
from sd_taskpacker.cli.text import width
from sd_taskpacker.model.problems import Problem, Severity
from tests.cli.standin import Standin, run, task
from tests.cli.test_cli_show import FIGURES

SECOND = 1_000_000
NOW = 1_795_258_385 * SECOND
PLAIN: dict[str, Any] = {name: variant.value for name, variant in FIGURES.items()}


def seen(task_id: str, **details: Any) -> dict[str, Any]:
    return {key: variant.value for key, variant in task(task_id, **details).items()}


def lines(found: Overview, *, show: int = 5, place: Terminal | None = None) -> list[str]:
    place = place or Terminal(unicode=True)
    return ["".join(text for text, _ in line) for line in drawn(found, NOW, show, place)]


def planned(task_id: str, start: int, **details: Any) -> dict[str, Any]:
    shown = {"id": task_id, "state": "waiting", "start": NOW + start * SECOND, "latest": None, "chunks": 4}
    return shown | details


def test_an_idle_service_is_ready_and_short() -> None:
    text = lines(Overview(properties=PLAIN | {"NRunning": 0}))
    assert text[0] == "● sd-taskpacker 0.1.0 - ready"
    assert text[1].endswith("128M of 2G, 1.9G free")
    assert text[2].endswith("1 of 2, 1 free")
    assert "Room for: 60 tiny, 15 small, 7 medium, 1 large" in text
    assert "    Roots: build, test" in text
    assert len(text) == 7


def test_what_runs_and_what_starts_next_is_told_with_ages() -> None:
    plan = {
        "tasks": [
            planned("runs@1", -5, state="running"),
            planned("next@1", 60, latest=NOW + 3 * 3600 * SECOND),
            planned("later@1", 600),
            planned("last@1", 6000),
        ],
        "unplaced": [],
    }
    running = [seen("runs@1", started=NOW - 300 * SECOND)]
    text = lines(Overview(properties=PLAIN | {"NQueued": 3}, tasks=running, plan=plan), show=2)
    assert text[-6:] == [
        "  runs@1  128M  started 5min ago",
        "",
        "Starts next",
        "  next@1   128M  in 60s (within 3h)",
        "  later@1  128M  in 10min",
        "  1 more: taskpackerctl plan",
    ]


def test_what_is_wrong_stands_at_the_end() -> None:
    found = Overview(
        properties=PLAIN | {"Draining": True, "Decommissioned": ["build"], "ChunksTotal": 0},
        ended=[
            seen("old@1", state="failed", result="timeout", ended=NOW - 7200 * SECOND),
            seen("new@1", state="failed", result="oom-kill", ended=NOW - 60 * SECOND),
            seen("good@1", state="complete", ended=NOW),
        ],
        plan={"tasks": [], "unplaced": [{"id": "huge@1", "reasons": ["wants 64G, there is 2G"]}]},
        problems=[Problem("/u/a.batch", 3, "Size", Severity.ERROR, "'big' is no size")],
        pressure=42.0,
    )
    text = lines(found)
    assert text[0] == "● sd-taskpacker 0.1.0 - drained: nothing further starts"
    assert " Last day: 1 complete, 2 failed" in text
    assert text[text.index("Problems") + 1 :] == [
        "  drained: taskpackerctl resume lets tasks start again",
        "  the root build is decommissioned: taskpackerctl recommission build takes that back",
        "  the budget is less than 32M, so no batch task can start",
        "  memory is short: something waited for it in 42 % of the last 10s",
        "  huge@1 waits without a planned start: wants 64G, there is 2G",
        "  new@1 failed: oom-kill; 60s ago",
        "  old@1 failed: timeout; 2h ago",
        "  /u/a.batch:3: error: Size: 'big' is no size",
    ]


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("name", ["世" * 90, "n" * 200])
def test_no_line_is_wider_than_the_terminal(name: str, unicode: bool) -> None:
    found = Overview(
        properties=PLAIN | {"NQueued": 1},
        tasks=[seen(f"{name}@1")],
        plan={"tasks": [planned(f"{name}@2", 5)], "unplaced": [{"id": name, "reasons": [name]}]},
    )
    text = lines(found, place=Terminal(columns=80, live=True, unicode=unicode))
    assert max(map(width, text)) <= 80
    assert all(line.isascii() for line in text if "世" not in line) or unicode


def test_a_machine_that_is_more_than_full_has_a_full_gauge() -> None:
    text = lines(Overview(properties=PLAIN | {"ChunksFree": 0, "ChunksTotal": 64}))
    assert "░" not in text[1]


def test_more_than_is_shown_is_counted() -> None:
    found = Overview(
        properties=PLAIN | {"NRunning": 0},
        ended=[seen(f"a@{n}", state="failed", result="timeout", ended=NOW) for n in range(3)],
        problems=[Problem("/u/a.batch", n, "", Severity.WARNING, "is odd") for n in range(1, 4)],
    )
    assert lines(found, show=1)[-4:] == [
        "  a@0 failed: timeout; now",
        "  2 more failed: taskpackerctl list --state=failed",
        "  /u/a.batch:1: warning: is odd",
        "  2 more problems in unit files: taskpackerctl list-units",
    ]


async def test_what_was_tried_again_has_not_failed_yet(service: Standin, address: str) -> None:
    first = task("a@1", state="failed", result="timeout", ended=time.time_ns() // 1000)
    answer(service)
    service.answers["ListTasks"] = lambda filters: (
        "aa{sv}",
        [[first] if filters["state"].value == "failed" else [task("a@2", retry_of="a@1")]],
    )
    assert json.loads((await run(address, "status", "--json")).out)["ended"] == []
    service.answers["ListTasks"] = lambda filters: ("aa{sv}", [[first] if filters["state"].value == "failed" else []])
    assert len(json.loads((await run(address, "status", "--json")).out)["ended"]) == 1


async def test_status_as_json_has_what_it_shows(service: Standin, address: str) -> None:
    answer(service, waiting=1)
    shown = json.loads((await run(address, "status", "--json")).out)
    assert set(shown) == {"properties", "tasks", "ended", "plan", "problems", "pressure"}
    assert shown["properties"]["ChunksTotal"] == 64
    assert [each["id"] for each in shown["tasks"]] == ["massif@1"]
    assert shown["problems"][0]["line"] == 3


def answer(service: Standin, *, waiting: int = 0) -> None:
    def listed(filters: dict[str, Variant]) -> tuple[str, Any]:
        return ("aa{sv}", [[task("massif@1")] if filters["state"].value == "running" else []])

    service.answers["GetAll"] = ("a{sv}", [FIGURES | {"NQueued": Variant("u", waiting)}])
    service.answers["ListTasks"] = listed
    service.answers["ListUnits"] = ("a(ssssb)", [[["massif", "batch", "/u/massif.batch", "Heap", False]]])
    service.answers["GetUnitProblems"] = ("a(susss)", [[["/u/massif.batch", 3, "Size", "error", "'big' is no size"]]])
    service.answers["GetPlan"] = ("s", ['{"tasks": [], "unplaced": []}'])


async def test_an_idle_service_makes_no_plan_for_status(service: Standin, address: str) -> None:
    answer(service)
    done = await run(address, "status")
    assert (done.status, service.called("GetPlan")) == (0, [])
    assert "massif@1" in done.out


async def test_a_very_long_queue_makes_no_plan_for_status(service: Standin, address: str) -> None:
    answer(service, waiting=100_000)
    done = await run(address, "status")
    assert service.called("GetPlan") == []
    assert "100000 tasks: taskpackerctl plan" in done.out


async def test_a_plan_that_the_bus_does_not_carry_is_left_out(service: Standin, address: str) -> None:
    answer(service, waiting=1)
    service.answers["GetPlan"] = ("org.sdtaskpacker1.Error.LimitExceeded", ["too large"])
    assert (await run(address, "status")).status == 0


@pytest.mark.parametrize(
    ("text", "percent"),
    [("some avg10=12.50 avg60=3.00 avg300=1.00 total=5\nfull avg10=0.00\n", 12.5), ("", None), ("some x\n", None)],
)
def test_pressure_is_what_the_kernel_says_or_unknown(tmp_path: Path, text: str, percent: float | None) -> None:
    (tmp_path / "memory").write_text(text, encoding="ascii")
    assert memory_pressure(str(tmp_path / "memory")) == percent
    assert memory_pressure(str(tmp_path / "nope")) is None
