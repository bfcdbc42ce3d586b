# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dbus_next import Variant

from sd_taskpacker.bus.replies import Reason
from sd_taskpacker.cli.story import Story, told
from tests.cli.standin import Standin, run, task
from tests.cli.test_cli_display import plan
from tests.cli.test_cli_overview import NOW, SECOND, seen


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def lines(story: Story) -> list[str]:
    return ["".join(text for text, _ in line) for line in told(story, NOW, unicode=True)]


def waits(**details: Any) -> dict[str, Any]:
    shown = seen("massif@1", state="waiting", submitted=NOW - 60 * SECOND, **details)
    del shown["started"]
    return shown


def test_a_running_task_is_told_from_its_head_to_its_results() -> None:
    text = lines(
        Story(
            task=seen(
                "massif@1",
                description="Heap",
                submitted=NOW - 360 * SECOND,
                started=NOW - 300 * SECOND,
                expected=600 * SECOND,
                tag="mine",
            )
            | {"parameters": {"target": "/a b", "depth": 3}}
        )
    )
    assert text == [
        "● massif@1 - Heap",
        "        Unit: massif.batch, run as taskpacker-massif.service",
        "       State: running since Sat 2026-11-21 10:48:05 UTC; 5min ago",
        "   Submitted: Sat 2026-11-21 10:47:05 UTC; 6min ago, by UID 0, and waited 1min",
        "    Expected: runs for 10min, until Sat 2026-11-21 10:58:05 UTC; in 5min",
        "      Memory: 128M at most",
        "        CPUs: 1",
        "    Priority: 100",
        "     Command: /bin/true",
        "  Parameters: depth=3",
        "              target=/a b",
        "         Tag: mine",
        "     Results: /var/lib/sd-taskpacker/massif/results",
    ]


def test_a_task_that_runs_too_long_says_when_it_should_have_ended() -> None:
    text = lines(Story(task=seen("massif@1", started=NOW - 600 * SECOND, expected=300 * SECOND)))
    assert "    Expected: runs for 5min, should have ended 5min ago" in text


def test_a_waiting_task_says_why_and_has_no_results() -> None:
    reasons = [
        Reason(resource="memory", verdict="not-now", text="wants 1G, 256M is free"),
        Reason(resource="start", verdict="not-now", text="expected to start in 5min"),
    ]
    text = lines(Story(task=waits(promised=NOW + 600 * SECOND, retries=2), reasons=reasons))
    assert text[2:4] == ["       State: waiting", "   Submitted: Sat 2026-11-21 10:52:05 UTC; 60s ago, by UID 0"]
    assert "       Start: by Sat 2026-11-21 11:03:05 UTC; in 10min" in text
    assert "     Retries: 2 left" in text
    assert text[-2:] == [
        "       Waits: memory: wants 1G, 256M is free",
        "              start: expected to start in 5min",
    ]


def test_an_ended_task_says_how_and_what_it_took() -> None:
    ended = seen(
        "massif@1",
        state="failed",
        result="oom-kill",
        signal="KILL",
        started=NOW - 190 * SECOND,
        ended=NOW - 100 * SECOND,
        memory_peak=128 << 20,
        cpu_usec=61 * SECOND + 5,
    )
    text = lines(Story(task=ended, output=["a\tKilled"], later=[seen("massif@2")]))
    assert (
        "       State: failed (oom-kill, SIGKILL) since Sat 2026-11-21 10:51:25 UTC; 1min ago, after 1min 30s" in text
    )
    assert "     Started: Sat 2026-11-21 10:49:55 UTC; 3min ago" in text
    assert "      Memory: 128M at most, peak 128M" in text
    assert "        CPUs: 1, used 1min 1s" in text
    assert " Tried again: massif@2 (running)" in text
    assert text[-2:] == ["", "a       Killed"]


def test_a_task_that_was_cancelled_while_it_waited_has_no_results() -> None:
    text = lines(Story(task=waits(result="cancelled", ended=NOW) | {"state": "failed"}))
    assert "       State: failed (cancelled) since Sat 2026-11-21 10:53:05 UTC; now" in text
    assert not any("Results" in line or "after" in line for line in text)


def test_a_retry_says_what_came_before_it() -> None:
    first = seen("massif@0", state="failed", result="timeout")
    text = lines(Story(task=seen("massif@1", retry_of="massif@0"), earlier=[first]))
    assert "    Retry of: massif@0 (failed (timeout))" in text
    assert "    Retry of: gone@0" in lines(Story(task=seen("massif@1", retry_of="gone@0")))


async def test_status_of_a_waiting_task_exits_3_and_explains(service: Standin, address: str) -> None:
    service.answers["GetTask"] = (
        "a{sv}",
        [{k: v for k, v in task("massif@1", state="waiting").items() if k != "started"}],
    )
    service.answers["Explain"] = ("a(sss)", [[["memory", "not-now", "wants 1G"]]])
    done = await run(address, "status", "massif@1")
    assert done.status == 3
    assert "Waits: memory: wants 1G" in done.out


def test_one_sees_where_an_argument_of_the_command_ends() -> None:
    argv = ["/bin/sh", "-c", 'echo "$1"', "", "a\\b"]
    assert r'''     Command: /bin/sh -c "echo \"$1\"" "" "a\\b"''' in lines(Story(task=waits() | {"argv": argv}))


def test_of_a_task_that_does_not_tell_the_plan_tells_when_it_ends() -> None:
    text = lines(Story(task=seen("massif@1", started=NOW - SECOND), planned_end=NOW + 300 * SECOND))
    assert "    Expected: until Sat 2026-11-21 10:58:05 UTC; in 5min" in text


async def test_status_asks_the_plan_for_the_end_of_a_task_that_does_not_tell(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("a{sv}", [task("a@5")])
    service.answers["GetAll"] = ("a{sv}", [{"NQueued": Variant("u", 1)}])
    service.answers["GetPlan"] = plan(("a@5", 4_000_000_000_000_000))
    assert "Expected: until Tue 2096-10-02 07:06:40 UTC" in (await run(address, "status", "a@5")).out
    service.answers["GetAll"] = ("a{sv}", [{"NQueued": Variant("u", 10_000)}])
    assert "Expected:" not in (await run(address, "status", "a@5")).out


async def test_status_shows_the_last_lines_of_the_output(service: Standin, address: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "output.txt").write_text("".join(f"line {n}\x1b\n" for n in range(20)), encoding="ascii")
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", directory=str(tmp_path))])
    done = await run(address, "status", "massif@1")
    assert done.status == 0
    assert done.out.splitlines()[-11:] == ["", *(f"line {n}\\x1b" for n in range(10, 20))]
    assert (await run(address, "status", "massif@1", "-n", "1")).out.splitlines()[-2:] == ["", r"line 19\x1b"]
    assert "line 19" not in (await run(address, "status", "massif@1", "-n", "0")).out
    shown = json.loads((await run(address, "status", "massif@1", "--json")).out)
    assert (shown["id"], shown["output"][-1], shown["later"]) == ("massif@1", "line 19\x1b", [])


async def test_status_says_why_there_is_no_output_to_show(service: Standin, address: str, tmp_path: Path) -> None:
    service.answers["GetTask"] = ("a{sv}", [task("massif@1", directory=str(tmp_path))])
    done = await run(address, "status", "massif@1")
    assert f"Output: {tmp_path}/results/output.txt cannot be read: No such file or directory" in done.out


async def test_status_follows_the_tries_in_both_directions(service: Standin, address: str) -> None:
    tries = {
        "massif@1": task("massif@1", state="failed", result="timeout", retries=2, ended=5),
        "massif@2": task("massif@2", state="failed", result="timeout", retries=1, retry_of="massif@1", ended=6),
        "massif@3": task("massif@3", retry_of="massif@2"),
    }
    service.answers["GetTask"] = lambda task_id: ("a{sv}", [tries[task_id]])
    service.answers["ListTasks"] = ("aa{sv}", [list(tries.values())])
    done = await run(address, "status", "massif@2")
    assert "Retry of: massif@1 (failed (timeout))" in done.out
    assert "Tried again: massif@3 (running)" in done.out
    shown = json.loads((await run(address, "status", "massif@1", "--json")).out)
    assert (shown["earlier"], shown["later"]) == ([], ["massif@2", "massif@3"])
