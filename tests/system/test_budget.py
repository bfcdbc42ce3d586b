# SPDX-License-Identifier: LGPL-2.1-or-later
"""The budget of a running daemon: systemctl set-property, with nobody telling the daemon."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.machine import SERVICE, BatchCall, Machine

CHUNK = 32 << 20
# systemd sets cpusets on cgroup v2 only.
CPUSETS = ["AllowedCPUs=0"] if Path("/sys/fs/cgroup/cgroup.controllers").exists() else []
LIMITS_OF_CPUS = ["CPUQuota=100%", *CPUSETS]

HOLD = """\
import os, time
held = bytearray(os.urandom(1 << 20)) * 200
open("held", "w").close()
while not os.path.exists("go"):
    time.sleep(0.1)
"""


@pytest.fixture
def limited(machine: Machine) -> Iterator[Machine]:
    """Whatever set-property has written is gone afterwards, and so is what the fixture `machine` wrote."""
    yield machine
    machine.systemctl("revert", SERVICE)


def _set(machine: Machine, *settings: str) -> None:
    machine.systemctl("set-property", "--runtime", SERVICE, *settings)


def _slice_has(machine: Machine, chunks: int) -> bool:
    return machine.cgroup_memory_limit("taskpacker.slice") == chunks * CHUNK


@pytest.mark.needs_limits
def test_memory_is_followed_and_what_runs_runs_on(limited: Machine) -> None:
    machine = limited
    machine.write_unit("holds.batch", "[Batch]\nExec=/bin/sleep 1000\nSize=large\nCPUs=0\n")
    ((started, _),) = machine.batch_submit(BatchCall("holds"))
    _set(machine, "MemoryMax=512M")
    machine.wait(lambda: machine.property("ChunksTotal") == 16, "the smaller budget is seen")
    assert machine.property("ChunksFree") == 0
    assert machine.task(started[0])["state"] == "running"
    assert machine.batch_submit(BatchCall("holds", {"size": "tiny"})) == [([], ["holds"])]
    assert _slice_has(machine, 32), "what runs keeps its own"
    _set(machine, "MemoryMax=2G")
    machine.wait(lambda: machine.property("ChunksTotal") == 64, "the larger budget is seen")
    assert machine.property("ChunksFree") == 32


@pytest.mark.needs_limits
def test_a_budget_that_shrinks_below_what_runs_and_holds_its_memory_kills_nobody(limited: Machine) -> None:
    machine = limited
    machine.write_file("/srv/hold.py", HOLD)
    machine.write_unit("holds.batch", "[Batch]\nExec=/usr/bin/python3 -I /srv/hold.py\nSize=medium\nCPUs=0\n")
    both = [machine.task(ids[0]) for ids, _ in machine.batch_submit(BatchCall("holds"), BatchCall("holds"))]
    machine.wait(lambda: all(machine.exists(f"{task['directory']}/held") for task in both), "they hold it")
    _set(machine, "MemoryMax=128M")
    machine.wait(lambda: machine.property("ChunksTotal") == 4, "the smaller budget is seen")
    assert _slice_has(machine, 16)
    assert machine.batch_submit(BatchCall("holds", {"size": "tiny"})) == [([], ["holds"])]
    for task, left in zip(both, (8, 4), strict=True):
        Path(task["directory"], "go").touch()
        assert machine.closed(task["id"])["result"] == "success"
        machine.wait(functools.partial(_slice_has, machine, left), "the slice follows")


@pytest.mark.needs_limits
def test_what_waits_for_a_larger_budget_starts_when_it_comes(limited: Machine) -> None:
    machine = limited
    machine.write_unit("holds.batch", "[Batch]\nExec=/bin/sleep 1000\nSize=large\nCPUs=0\n")
    calls = [BatchCall("holds").wire()] * 2
    answers = machine.call("BatchQueue", "a(sa{sv}a{sv})", calls)
    first, second = (ids[0] for ids, _ in answers)
    assert machine.task(second)["state"] == "waiting"
    _set(machine, "MemoryMax=2G")
    machine.wait(lambda: machine.task(second)["state"] == "running", "it starts beside the first one")
    assert machine.task(first)["state"] == "running"


@pytest.mark.needs_root
@pytest.mark.parametrize("setting", LIMITS_OF_CPUS)
def test_cpus_are_followed(limited: Machine, setting: str) -> None:
    machine = limited
    every = machine.property("CPUsTotal")
    assert every > 1, "this test needs two CPUs"
    _set(machine, setting)
    machine.wait(lambda: machine.property("CPUsTotal") == 1, "one CPU is left")
    assert machine.show("taskpacker.slice", "CPUQuotaPerSecUSec") == "1s"
