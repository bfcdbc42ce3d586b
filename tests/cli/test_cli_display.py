# SPDX-License-Identifier: LGPL-2.1-or-later
"""`submit --wait` on a terminal. What it tells a pipe is in test_cli_submit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dbus_next.signature import Variant

from tests.cli.emulator import on_terminal
from tests.cli.standin import BUS_NAME, Standin, task, variants

FIGURES = {"ChunksTotal": 32, "ChunksFree": 24, "CPUsTotal": 4, "CPUsFree": 3}


def plan(*ends: tuple[str, int]) -> tuple[str, list[str]]:
    tasks = [
        {"id": task_id, "label": task_id, "kind": "batch", "state": "waiting", "end": end} for task_id, end in ends
    ]
    rest = {"start": 0, "latest": None, "deadline": None, "chunks": 1, "cpus": 1, "priority": 1, "overdue": False}
    document = {"now": 1, "draining": False, "budget": {"chunks": 32, "cpus": 4}, "unplaced": []}
    return ("s", [json.dumps(document | {"tasks": [each | rest for each in tasks]})])


def accepts(service: Standin, count: int) -> None:
    """What is submitted becomes a@1 to a@COUNT, of which a@7 will fail."""
    service.answers["BatchQueue"] = ("a(asas)", [[[[f"a@{index}" for index in range(1, count + 1)], []]]])
    service.answers["GetAll"] = ("a{sv}", [variants(FIGURES)])
    service.answers["GetPlan"] = plan(("a@5", 4_000_000_000_000_000), ("other@1", 9_000_000_000_000_000))
    service.answers["GetTask"] = lambda task_id: ("a{sv}", [task(task_id, state=end_of(task_id), exit_status=0)])


def end_of(task_id: str) -> str:
    return "failed" if task_id == "a@7" else "complete"


def change(service: Standin, task_id: str, state: str) -> None:
    service.emit("TaskChanged", "tssa{sv}", [7, task_id, state, {}])


async def test_progress_of_a_thousand_tasks_is_drawn_over_and_leaves_only_what_failed(
    service: Standin, address: str
) -> None:
    accepts(service, 1000)
    async with on_terminal(address, "submit", "massif", "--wait", rows=2000) as shown:
        await shown.until("1,000 tasks: 1,000 waiting, 0 running, 0 done, 0 failed")
        for index in range(1, 1001):
            change(service, f"a@{index}", "running")
            change(service, f"a@{index}", end_of(f"a@{index}"))
            await service.sent()
        assert await shown.end() == 1
        lines = shown.grid.text().splitlines()
    assert lines[:1000] == [f"a@{index}" for index in range(1, 1001)]
    assert lines[1000] == "a@7 failed"
    assert lines[1001].startswith("1,000 tasks: 999 complete, 1 failed, after ")
    assert len(lines) == 1002


async def test_gauges_and_the_expected_end_come_from_the_service(service: Standin, address: str) -> None:
    accepts(service, 20)
    async with on_terminal(address, "submit", "massif", "--wait", columns=100) as shown:
        await shown.until("256M of 1G in use")
        await shown.until("expected end in")
        assert "(Tue 2096-10-02 07:06:40 UTC)" in shown.grid.text()
        service.emit(
            "PropertiesChanged",
            "sa{sv}as",
            ["org.sdtaskpacker1.Manager", {"ChunksFree": Variant("u", 0)}, []],
        )
        await shown.until("1G of 1G in use")


async def test_a_restart_of_the_service_is_shown_and_the_end_is_right(service: Standin, address: str) -> None:
    accepts(service, 20)
    async with on_terminal(address, "submit", "massif", "--wait") as shown:
        await shown.until("20 waiting")
        await service.bus.release_name(BUS_NAME)
        await shown.until("The service is restarting")
        # All of them ended meanwhile, and nobody tells.
        await service.bus.request_name(BUS_NAME)
        assert await shown.end() == 1
        assert "20 tasks: 19 complete, 1 failed" in shown.grid.text()
    assert "restarting" not in shown.grid.text()


async def test_ctrl_c_takes_the_drawing_away_and_says_that_the_tasks_go_on(service: Standin, address: str) -> None:
    accepts(service, 20)
    async with on_terminal(address, "submit", "massif", "--wait") as shown:
        await shown.until("20 waiting")
        shown.press("\x03")
        assert await shown.end() == 130
        said = shown.grid.text().replace("\n", "")
    assert "20 tasks go on without this command" in said
    assert "waiting" not in said


async def test_a_new_size_is_drawn_for(service: Standin, address: str) -> None:
    accepts(service, 20)
    async with on_terminal(address, "submit", "massif", "--wait", columns=60) as shown:
        await shown.until("256M of 1G in use")
        shown.resize(120, 24)
        await shown.until(lambda grid: max(map(len, grid.text().splitlines())) > 60)


@pytest.mark.parametrize(("option", "environment"), [("-q", {}), ("--wait", {"TERM": "dumb"})])
async def test_who_wants_no_drawing_gets_none(
    service: Standin, address: str, option: str, environment: dict[str, Any]
) -> None:
    accepts(service, 2)
    service.answers["BatchQueue"] = ("a(asas)", [[[["a@1", "a@7"], []]]])
    service.after["BatchQueue"] = [
        ("TaskChanged", "tssa{sv}", [7, task_id, end_of(task_id), {}]) for task_id in ("a@1", "a@7")
    ]
    async with on_terminal(address, "submit", "massif", "--wait", option, **environment) as shown:
        assert await shown.end() == 1
    assert b"\x1b" not in shown.raw
    assert service.called("GetAll") == service.called("GetPlan") == []
