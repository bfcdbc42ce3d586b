# SPDX-License-Identifier: LGPL-2.1-or-later
"""What waits, on the real systemd: who starts when, over a crash of the daemon too, and what is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.machine import SERVICE, BatchCall, Machine

LARGE = "[Batch]\nExec={exec}\nSize=large\nCPUs=0\n"


def _queue(machine: Machine, *units: str) -> list[str]:
    calls = [BatchCall(unit).wire() for unit in units]
    answers = machine.call("BatchQueue", "a(sa{sv}a{sv})", calls)
    assert all(not rejected for _, rejected in answers)
    return [task_id for accepted, _ in answers for task_id in accepted]


def _state(machine: Machine, task_id: str) -> Any:
    return machine.task(task_id)["state"]


def _events(machine: Machine, task_id: str) -> list[str]:
    return [event.event for event in machine.events() if event.id == task_id]


def test_what_waits_starts_when_there_is_room_though_the_daemon_crashed_meanwhile(machine: Machine) -> None:
    machine.write_unit("big.batch", LARGE.format(exec="/bin/sleep 100"))
    first, second = _queue(machine, "big", "big")
    machine.wait(lambda: _state(machine, first) == "running", "the first one runs")
    waits = machine.task(second)
    assert (waits["state"], "started" in waits) == ("waiting", False)
    assert waits["promised"] > waits["submitted"]
    assert machine.property("NQueued") == 1
    assert [row[0] for row in machine.call("Explain", "s", second)] == ["memory", "start"]
    machine.systemctl("kill", "--signal=KILL", SERVICE)
    machine.wait_ready()
    assert machine.task(second) == waits
    machine.call("Kill", "ss", first, "KILL")
    machine.wait(lambda: _state(machine, second) == "running", "the second one runs")
    assert _events(machine, second) == ["TaskQueued", "TaskPromised", "TaskStarted"]


def test_what_is_cancelled_never_runs_and_leaves_nothing_on_the_disk(machine: Machine) -> None:
    machine.write_unit("big.batch", LARGE.format(exec="/bin/sleep 100"))
    first, second = _queue(machine, "big", "big")
    machine.call("Cancel", "s", second)
    assert machine.ended(second).member == "BatchFailed"
    assert machine.task(second)["result"] == "cancelled"
    assert not machine.exists(machine.task(second)["directory"])
    assert _state(machine, first) == "running"


@pytest.mark.needs_limits
def test_a_failed_run_is_tried_again_and_one_that_lacked_memory_in_the_next_size(machine: Machine) -> None:
    machine.write_unit(
        "greedy.batch",
        "[Batch]\nExec=/usr/bin/python3 -c 'x = bytearray(80 << 20)'\nSize=tiny\nCPUs=0\nOnOOM=larger\n",
    )
    machine.write_unit("fails.batch", "[Batch]\nExec=/bin/false\nSize=tiny\nCPUs=0\nRetry=1\n")
    tries = {}
    for first in _queue(machine, "greedy", "fails"):
        over = machine.closed(first)  # The end and the next try are one commit.
        tries[first.partition("@")[0]] = (over, machine.closed(_retries_of(machine, first)[0]))
    small, larger = tries["greedy"]
    assert (small["result"], larger["result"], larger["chunks"]) == ("oom-kill", "success", 4)
    again = tries["fails"][1]
    assert (again["result"], "retries" in again, _retries_of(machine, again["id"])) == ("exit-code", False, [])


def _retries_of(machine: Machine, task_id: str) -> list[str]:
    return [event.id for event in machine.events() if event.details.get("retry_of") == task_id]


def test_drained_the_machine_comes_to_rest_and_goes_on_where_it_was(machine: Machine) -> None:
    machine.write_unit("quick.batch", "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n")
    machine.call("Drain", "")
    try:
        machine.restart()
        (waits,) = _queue(machine, "quick")
        assert machine.property("Draining")
        assert _state(machine, waits) == "waiting"
    finally:
        machine.call("Resume", "")
    assert machine.ended(waits).member == "BatchComplete"
