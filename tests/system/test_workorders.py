# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workorders, children, roots, decommissioning, and the kernel's part of the budget."""

from __future__ import annotations

import pytest

from tests.system.machine import BUSCTL, STATE, USER, BatchCall, CallFailed, Machine

CALL = " ".join((*BUSCTL, "call org.sdtaskpacker1 /org/sdtaskpacker1 org.sdtaskpacker1.Manager"))
SUBMIT = CALL + " BatchSubmit a(sa{sv}a{sv}) 1 child 0 0"


def test_a_workorder_starts_even_when_nothing_is_free(machine: Machine) -> None:
    machine.write_unit("order.workorder", "[Workorder]\nExec=/bin/sleep 1\nSize=64G\nCPUs=999\n")
    (task_id,) = machine.workorder_start(BatchCall("order"))
    assert machine.property("ChunksFree") == 0
    assert machine.property("EstimatedSlotsRemaining") == [0, 0, 0, 0]
    assert machine.closed(task_id)["result"] == "success"


def test_a_child_is_named_under_the_task_that_asks(machine: Machine) -> None:
    machine.write_unit("child.batch", "[Batch]\nExec=/bin/echo I am a child\nCPUs=0\n")
    machine.write_unit("parent.workorder", f"[Workorder]\nExec={SUBMIT}\nCPUs=0\n")
    (parent_id,) = machine.workorder_start(BatchCall("parent"))
    parent = machine.closed(parent_id)
    assert parent["result"] == "success", machine.output(parent)
    child_id = machine.output(parent).split('"')[1]
    assert child_id.startswith("parent/child@")
    child = machine.closed(child_id)
    assert child["directory"] == f"{STATE}/parent/child/@{child['version']}"
    assert child["root"] == "parent"
    assert machine.output(child) == "I am a child\n"


def test_a_task_may_not_manage(machine: Machine) -> None:
    most_powerful = "" if USER else "[Service]\nUser=root\n"
    unit = f"[Workorder]\nExec={CALL} Decommission s parent\nCPUs=0\n{most_powerful}"
    machine.write_unit("parent.workorder", unit)
    (task_id,) = machine.workorder_start(BatchCall("parent"))
    task = machine.closed(task_id)
    assert task["result"] == "exit-code"
    assert "may not manage" in machine.output(task)


def test_a_decommissioned_root_takes_no_more_and_survives_restarts(machine: Machine) -> None:
    machine.write_unit("closing.batch", "[Batch]\nExec=/bin/sleep 1\nCPUs=0\n")
    ((started, _),) = machine.batch_submit(BatchCall("closing"))
    machine.call("Decommission", "s", "closing")
    machine.restart()
    with pytest.raises(CallFailed) as caught:
        machine.batch_submit(BatchCall("closing"))
    assert caught.value.name == "org.sdtaskpacker1.Error.Decommissioned"
    assert machine.closed(started[0])["result"] == "success"
    machine.call("Recommission", "s", "closing")
    assert machine.run("closing")["result"] == "success"


def test_roots_start_with_the_daemon_and_only_once(machine: Machine) -> None:
    root = machine.directory("srv-root")
    machine.write_unit("boots.workorder", f"[Workorder]\nExec=/bin/sleep 1000\nRoot=yes\nDirectory={root}\nCPUs=0\n")
    machine.allow_writing(root)
    machine.wait(lambda: len(machine.running("boots")) == 1, "the root runs")
    machine.restart()
    (task,) = machine.running("boots")
    assert task["directory"] == f"{root}/@{task['version']}"
    assert "boots" in machine.property("Roots")
    machine.call("Kill", "ss", task["id"], "TERM")
    assert machine.closed(task["id"])["signal"] == "TERM"


@pytest.mark.parametrize("adopted", [False, True], ids=["started", "adopted"])
@pytest.mark.parametrize("kind", ["workorder", "batch"])
def test_a_unit_that_is_stopped_and_ends_well_is_told_as_stopped(machine: Machine, kind: str, adopted: bool) -> None:
    machine.write_unit(
        f"polite.{kind}",
        f"[{kind.capitalize()}]\nCPUs=0\n"
        "Exec=/bin/sh -c 'trap \"exit 0\" TERM; echo up; while :; do sleep 0.1; done'\n",
    )
    if kind == "batch":
        (((task_id,), _),) = machine.batch_submit(BatchCall("polite"))
    else:
        (task_id,) = machine.workorder_start(BatchCall("polite"))
    task = machine.task(task_id)
    machine.wait(lambda: machine.unit_state(task["systemd_unit"]) == "loaded", "the unit is there")
    machine.wait(lambda: machine.output(task) == "up\n", "the trap is set")
    if adopted:
        machine.restart()
    machine.systemctl("stop", task["systemd_unit"])
    assert machine.closed(task_id)["result"] == "stopped"


@pytest.mark.needs_limits
def test_the_kernel_holds_the_budget(machine: Machine) -> None:
    machine.write_unit("holds.batch", "[Batch]\nExec=/bin/sleep 1000\nSize=384M\nCPUs=0\n")
    ((started, _),) = machine.batch_submit(BatchCall("holds"))
    unit = machine.task(started[0])["systemd_unit"]
    machine.wait(lambda: machine.unit_state(unit) == "loaded", "the unit is loaded")
    assert machine.show(unit, "MemoryMax") == str(384 << 20)
    assert machine.show(unit, "Slice") == "taskpacker-batch.slice"
    assert machine.show("taskpacker.slice", "MemoryMax") == str(1 << 30)
    assert machine.cgroup_memory_limit("taskpacker.slice") == 1 << 30
    assert machine.cgroup_memory_limit(f"taskpacker.slice/taskpacker-batch.slice/{unit}") == 384 << 20


@pytest.mark.needs_limits
def test_the_budget_follows_the_services_limit(machine: Machine) -> None:
    machine.restart(memory="512M")
    assert machine.property("ChunksTotal") == 16
    assert machine.cgroup_memory_limit("taskpacker.slice") == 512 << 20
    machine.systemctl("set-property", "--runtime", "sd-taskpacker.service", "MemoryMax=2G")
    machine.call("Reload", "")
    assert machine.property("ChunksTotal") == 64
    assert machine.cgroup_memory_limit("taskpacker.slice") == 2 << 30
