# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from dbus_next.signature import Variant

from sd_taskpacker.drawing import as_json
from tests.cli.emulator import on_terminal
from tests.cli.standin import BUS_NAME, Standin, private_bus, run, standin, task, variants
from tests.drawing.situations import Situation, many

FIGURES: dict[str, Any] = {"ChunksTotal": 32, "ChunksFree": 24, "CPUsTotal": 4, "CPUsFree": 3, "Draining": False}


def answers(service: Standin, *running: str, plan: Situation | None = None) -> None:
    figures = variants(FIGURES | {"NRunning": len(running), "NQueued": 7})
    figures["EstimatedSlotsRemaining"] = Variant("au", [24, 6, 3, 0])
    service.answers["GetAll"] = ("a{sv}", [figures])
    service.answers["ListTasks"] = ("aa{sv}", [[task(each) for each in running]])
    service.answers["GetPlan"] = ("s", [as_json.render((plan or Situation()).view())])


async def test_on_no_terminal_it_is_one_frame(service: Standin, address: str) -> None:
    answers(service, "a@1", "b@1", plan=Situation().task("c@1", start=60))
    done = await run(address, "top")
    assert (done.status, done.err) == (0, "")
    assert [each.split()[0] for each in done.out.splitlines() if "@" in each] == ["a@1", "b@1", "c@1"]
    assert "256M of 1G in use" in done.out
    assert "\x1b" not in done.out
    [[filters]] = service.called("ListTasks")
    assert filters == {"state": Variant("as", ["running"])}


async def test_as_json_it_is_one_document(service: Standin, address: str) -> None:
    answers(service, "a@1", plan=Situation().task("c@1", start=60).without_place("d@1", "too large"))
    shown = json.loads((await run(address, "top", "--json")).out)
    assert sorted(shown) == ["properties", "running", "waiting"]
    assert shown["properties"]["NQueued"] == 7
    assert [each["id"] for each in shown["running"] + shown["waiting"]] == ["a@1", "c@1", "d@1"]


async def test_it_is_live_and_q_leaves_the_terminal_as_it_was(service: Standin, address: str) -> None:
    answers(service, "a@1")
    async with on_terminal(address, "top") as shown:
        await shown.until("256M of 1G in use")
        await shown.until("a@1")
        assert (shown.grid.modes["1049"], shown.grid.modes["25"]) == (True, False)
        service.emit(
            "PropertiesChanged", "sa{sv}as", ["org.sdtaskpacker1.Manager", {"ChunksFree": Variant("u", 0)}, []]
        )
        await shown.until("1G of 1G in use")
        answers(service, "b@1")
        service.emit("TaskChanged", "tssa{sv}", [1, "b@1", "running", {}])
        await shown.until("b@1")
        shown.press("q")
        assert await shown.end() == 0
        assert shown.grid.text() == ""


async def test_keys_scroll_and_sort(service: Standin, address: str) -> None:
    plan = many(300)
    answers(service, plan=plan)
    last = max(plan.bars, key=lambda bar: (bar.start, bar.id)).id
    async with on_terminal(address, "top") as shown:
        await shown.until("sort by: age")
        shown.press("\x1b[F")
        await shown.until(last)
        shown.press("\x1b[H")
        await shown.until("NEXT")
        shown.press("ss")
        await shown.until("sort by: memory")
        shown.press("q")
        assert await shown.end() == 0


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
async def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(
    service: Standin, address: str, by: signal.Signals
) -> None:
    answers(service, "a@1")
    async with on_terminal(address, "top") as shown:
        await shown.until("a@1")
        shown.process.send_signal(by)
        assert await shown.end() == 128 + by


async def test_so_does_ctrl_c(service: Standin, address: str) -> None:
    answers(service, "a@1")
    async with on_terminal(address, "top") as shown:
        await shown.until("a@1")
        shown.press("\x03")
        assert await shown.end() == 130


async def test_the_shell_gets_its_terminal_for_as_long_as_it_is_stopped(service: Standin, address: str) -> None:
    answers(service, "a@1")
    async with on_terminal(address, "top") as shown:
        await shown.until("a@1")
        shown.process.send_signal(signal.SIGTSTP)
        # What it wrote counts, not what is shown: where there is no shell, in an orphaned process group, nobody is
        # stopped by this, and it may have the terminal back before we look.
        await shown.until(lambda _: b"\x1b[?1049l" in shown.raw)
        os.kill(shown.process.pid, signal.SIGCONT)
        await shown.until(lambda grid: shown.raw.count(b"\x1b[?1049h") == 2 and "a@1" in grid.text())
        shown.press("q")
        assert await shown.end() == 0


@pytest.mark.parametrize(("columns", "rows"), [(200, 50), (30, 6), (5, 2)])
async def test_it_is_drawn_for_every_size(service: Standin, address: str, columns: int, rows: int) -> None:
    answers(service, "a@1", plan=many(100))
    async with on_terminal(address, "top") as shown:
        await shown.until("a@1")
        shown.resize(columns, rows)
        await shown.until(lambda grid: len(grid.cells) == rows)
        assert all(len(row) <= columns for row in shown.grid.cells)
        shown.press("q")
        assert await shown.end() == 0


async def test_a_restart_of_the_service_is_shown_and_survived(service: Standin, address: str) -> None:
    answers(service, "a@1")
    async with on_terminal(address, "top") as shown:
        await shown.until("a@1")
        await service.bus.release_name(BUS_NAME)
        await shown.until("The service is restarting")
        answers(service, "b@1")
        await service.bus.request_name(BUS_NAME)
        await shown.until("b@1")
        assert "restarting" not in shown.grid.text()
        shown.press("q")
        assert await shown.end() == 0


async def test_the_view_goes_on_when_the_bus_is_back(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with private_bus(tmp_path) as address:
            service = await stack.enter_async_context(standin(address))
            answers(service, "a@1")
            shown = await stack.enter_async_context(on_terminal(address, "top"))
            await shown.until("a@1")
        async with private_bus(tmp_path) as address, standin(address) as service:
            answers(service, "b@1")
            await shown.until("b@1")
            shown.press("q")
            assert await shown.end() == 0


async def test_without_the_service_the_terminal_is_never_taken(address: str) -> None:
    async with on_terminal(address, "top") as shown:
        assert await shown.end() == 69
    assert b"1049" not in shown.raw


async def test_the_plan_is_a_chart_on_a_terminal_and_text_elsewhere(service: Standin, address: str) -> None:
    answers(service, plan=Situation().task("a@1", start=-60, end=600))
    async with on_terminal(address, "plan", columns=200, rows=50) as shown:
        assert await shown.end() == 0
    assert "█" * 100 in shown.grid.text()
    async with on_terminal(
        address, "plan", NO_COLOR="1", PYTHONUTF8="0", LC_ALL="C", PYTHONIOENCODING="ascii"
    ) as bare:
        assert await bare.end() == 0
    assert b"\x1b" not in bare.raw
    assert "####" in bare.grid.text()
