# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people and programs see of the plan: GetPlan, Explain and taskpackerctl, of tasks that really run and wait."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.system.machine import CTL, BatchCall, CallFailed, Machine

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def ids(machine: Machine) -> list[str]:
    """One runs and holds all the memory; four wait, the last of them for what it can never have again."""
    machine.write_unit("plan.batch", "[Batch]\nExec=/bin/sleep 1000\nSize=large\nCPUs=0\nExpectedSec=10min\n")
    (first,) = _queue(machine, BatchCall("plan"))
    machine.wait(lambda: machine.task(first)["state"] == "running", "the first one runs")
    sizes: list[dict[str, Any]] = [{"size": "tiny"}, {"size": "256M", "deadline": "3w"}, {"size": "medium"}, {}]
    return [first, *_queue(machine, *(BatchCall("plan", args) for args in sizes))]


def _queue(machine: Machine, *calls: BatchCall) -> list[str]:
    answers = machine.call("BatchQueue", "a(sa{sv}a{sv})", [call.wire() for call in calls])
    assert all(not rejected for _, rejected in answers)
    return [task_id for accepted, _ in answers for task_id in accepted]


def _plan(machine: Machine) -> dict[str, Any]:
    return dict(json.loads(machine.call("GetPlan", "s", "json")))


def _ctl(*words: str) -> str:
    return subprocess.run([*CTL, *words], capture_output=True, text=True, check=True).stdout


def test_the_json_agrees_with_what_the_tasks_themselves_say(machine: Machine, ids: list[str]) -> None:
    plan = _plan(machine)
    assert (plan["format"], plan["draining"], plan["unplaced"]) == (1, False, [])
    assert plan["budget"]["chunks"] == machine.property("ChunksTotal") == plan["used"]["chunks"]
    assert plan["free"] == {"chunks": machine.property("ChunksFree"), "cpus": machine.property("CPUsFree")}
    listed = {task["id"]: task for task in machine.running()}
    assert sorted(bar["id"] for bar in plan["tasks"]) == sorted(ids) == sorted(listed)
    for bar in plan["tasks"]:
        task = listed[bar["id"]]
        for key in ("state", "kind", "chunks", "cpus", "priority"):
            assert bar[key] == task[key]
        assert bar["deadline"] == task.get("deadline")
        assert bar["end"] == bar["start"] + task["expected"]
        if bar["state"] == "running":
            assert (bar["start"], bar["latest"]) == (task["started"], None)
        else:
            assert bar["latest"] == task["promised"] >= bar["start"] > plan["now"] >= task["submitted"]


def test_at_no_time_is_more_planned_than_there_is(machine: Machine, ids: list[str]) -> None:
    plan = _plan(machine)
    for at in (bar["start"] for bar in plan["tasks"]):
        held = [bar["chunks"] for bar in plan["tasks"] if bar["start"] <= at < bar["end"]]
        assert sum(held) <= plan["budget"]["chunks"]


def test_the_drawings_are_whole_and_name_the_tasks(machine: Machine, ids: list[str]) -> None:
    svg = ET.fromstring(machine.call("GetPlan", "s", "svg"))
    assert svg.tag == SVG + "svg"
    drawn = [text.text for text in svg.iter(SVG + "text")]
    page = machine.call("GetPlan", "s", "html")
    assert ET.fromstring(page.removeprefix("<!DOCTYPE html>\n")).tag == "html"
    text = machine.call("GetPlan", "s", "text")
    assert text.isascii()
    assert "\x1b" not in text
    for task_id in ids:
        assert task_id in drawn
        assert task_id in page
        assert task_id in text
    with pytest.raises(CallFailed, match="there is no plan in the format 'pdf'"):
        machine.call("GetPlan", "s", "pdf")


def test_whoever_waits_is_told_why_and_when(machine: Machine, ids: list[str]) -> None:
    for task_id in ids[1:]:
        memory, start = machine.call("Explain", "s", task_id)
        assert memory[:2] == ["memory", "not-now"]
        assert start[:2] == ["start", "not-now"]
        assert start[2].startswith("expected to start in ")
        assert ", at the latest in " in start[2]
    machine.call("Cancel", "s", ids[-1])
    assert [row[0] for row in machine.call("Explain", "s", ids[-1])] == ["state"]
    assert ids[-1] not in machine.call("GetPlan", "s", "json")


@pytest.mark.needs_limits
def test_what_a_smaller_budget_can_never_hold_is_listed_with_the_reason(machine: Machine, ids: list[str]) -> None:
    machine.restart(memory="512M")
    plan = _plan(machine)
    (one,) = plan["unplaced"]
    assert (one["id"], one["reasons"]) == (ids[4], ["wants 1G, there is 512M"])
    assert plan["used"]["chunks"] > plan["budget"]["chunks"]
    assert plan["free"]["chunks"] == 0
    assert "Without a place: 1" in machine.call("GetPlan", "s", "text")


def test_drained_it_says_so_and_tells_no_start(machine: Machine, ids: list[str]) -> None:
    machine.call("Drain", "")
    try:
        assert _plan(machine)["draining"]
        assert "draining, so nothing new starts" in machine.call("GetPlan", "s", "svg")
        assert machine.call("Explain", "s", ids[1])[0] == [
            "drained",
            "not-now",
            "nothing new is started until Resume",
        ]
        assert "expected" not in str(machine.call("Explain", "s", ids[1]))
    finally:
        machine.call("Resume", "")
    assert not _plan(machine)["draining"]


def test_on_the_command_line(machine: Machine, ids: list[str]) -> None:
    assert all(task_id in _ctl("plan") for task_id in ids)
    assert sorted(bar["id"] for bar in json.loads(_ctl("plan", "--json=short"))["tasks"]) == sorted(ids)
    for form, tag in (("--svg", SVG + "svg"), ("--html", "html")):
        assert ET.fromstring(_ctl("plan", form).removeprefix("<!DOCTYPE html>\n")).tag == tag
    told = _ctl("why", ids[1])
    assert "wants 32M, 0 is free" in told
    assert "expected to start in " in told
