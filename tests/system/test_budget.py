# SPDX-License-Identifier: LGPL-2.1-or-later
"""The budget of a running daemon: systemctl set-property, with nobody telling the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.machine import SERVICE, BatchCall, Machine

CHUNK = 32 << 20
# systemd sets cpusets on cgroup v2 only.
CPUSETS = ["AllowedCPUs=0"] if Path("/sys/fs/cgroup/cgroup.controllers").exists() else []
LIMITS_OF_CPUS = ["CPUQuota=100%", *CPUSETS]


@pytest.fixture
def limited(machine: Machine) -> Iterator[Machine]:
    """Whatever set-property has written is gone afterwards, and so is what the fixture `machine` wrote."""
    yield machine
    machine.systemctl("revert", SERVICE)


def _set(machine: Machine, *settings: str) -> None:
    machine.systemctl("set-property", "--runtime", SERVICE, *settings)


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
    assert machine.cgroup_memory_limit("taskpacker.slice") == 16 * CHUNK
    _set(machine, "MemoryMax=2G")
    machine.wait(lambda: machine.property("ChunksTotal") == 64, "the larger budget is seen")
    assert machine.property("ChunksFree") == 32


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
