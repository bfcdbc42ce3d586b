# SPDX-License-Identifier: LGPL-2.1-or-later
"""A full disk, a read-only one, a damaged or removed store, a reboot: nothing is lost and nothing is run twice."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.system.disk import STORE, Disk, another_boot, damage, only_the_daemon_cannot_write, small_disk
from tests.system.machine import SERVICE, BatchCall, CallFailed, Machine

pytestmark = pytest.mark.needs_root

WORK = """
[Batch]
Exec={here}/run
Size={size}
CPUs=0
[Service]
User=root
ReadWritePaths={here}
"""
SCRIPT = """#!/bin/sh
cd "${0%/*}"
until [ -e go ]; do sleep 0.1; done
echo ran >> "$TASKPACKER_NAME@$TASKPACKER_VERSION"
exit 3
"""
RECEIPTS = Path("/run/sd-taskpacker/ended")


class Workers:
    """Tasks that end with status 3 when they are told to go, and leave one line for each run."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.here = Path(machine.directory("ran"))
        script = self.here / "run"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        machine.write_unit("work.batch", WORK.format(here=self.here, size="tiny"))
        machine.write_unit("large.batch", WORK.format(here=self.here, size="1G"))

    def queue(self, *units: str) -> list[str]:
        answers = self.machine.call("BatchQueue", "a(sa{sv}a{sv})", [BatchCall(unit).wire() for unit in units])
        return [task_id for accepted, _ in answers for task_id in accepted]

    def refusal(self, unit: str = "work") -> str:
        """What a new task is refused with; empty when it is taken."""
        try:
            self.queue(unit)
        except CallFailed as error:
            if not error.name.endswith(".LimitExceeded"):
                raise
            return error.text
        return ""

    def let_go(self) -> None:
        (self.here / "go").touch()

    def check(self, task_ids: list[str]) -> None:
        """Each has ended with its true result, has run once, and nothing of it is left but its results."""
        for task_id in task_ids:
            task = self.machine.closed(task_id)
            assert (task["result"], task["exit_status"]) == ("exit-code", 3)
            record = Path(task["directory"]) / "results/task.json"
            self.machine.wait(record.exists, f"the record of {task_id}")
        assert {path.name: path.read_text() for path in self.here.glob("*@*")} == dict.fromkeys(task_ids, "ran\n")


@pytest.fixture
def disk(machine: Machine) -> Iterator[Disk]:
    with small_disk(machine) as disk:
        yield disk
        machine.wait(lambda: _ends_everything(machine), "no task is left")


def _ends_everything(machine: Machine) -> bool:
    """Whether nothing is left. What starts or ends meanwhile is for the next look."""
    for task in (tasks := machine.running()):
        with suppress(CallFailed):
            machine.call("Kill" if task["state"] == "running" else "Cancel", *_order(task))
    return not tasks


def _order(task: dict[str, Any]) -> tuple[str, ...]:
    return ("ss", task["id"], "KILL") if task["state"] == "running" else ("s", task["id"])


@pytest.fixture
def workers(machine: Machine, disk: Disk) -> Workers:
    return Workers(machine)


def _status(machine: Machine) -> str:
    return machine.show(SERVICE, "StatusText")


def test_what_ends_on_a_full_disk_is_recorded_when_there_is_room_and_nothing_new_is_taken(
    machine: Machine, workers: Workers, disk: Disk
) -> None:
    ids = workers.queue("work", "work")
    machine.wait(lambda: all(_is_made(machine, task_id) for task_id in ids), "two run")
    ids += workers.queue("large")
    daemon = machine.show(SERVICE, "MainPID")
    disk.fill()
    workers.let_go()
    refused = workers.refusal()
    assert f"{STORE}: the disk is full; free some space on its file system" in refused
    trouble = f"TROUBLE: store {STORE}: the disk is full"
    machine.wait(lambda: _status(machine).startswith(trouble), "the status says so")
    machine.wait(lambda: len(list(workers.here.glob("work@*"))) == 2, "both have run")
    disk.free()
    workers.check(ids)
    machine.wait(lambda: "TROUBLE" not in _status(machine), "the trouble is over")
    assert workers.refusal() == ""
    assert machine.show(SERVICE, "MainPID") == daemon


def test_what_is_accepted_and_finds_no_room_for_its_directory_or_its_record_waits_for_it(
    machine: Machine, workers: Workers, disk: Disk
) -> None:
    runs = workers.queue("work")
    machine.wait(lambda: _is_made(machine, runs[0]), "it runs")
    disk.fill_with_names()
    held = workers.queue("work")
    machine.wait(lambda: "No space left on device; free some space" in _status(machine), "it is told")
    assert "nothing new is taken while this lasts" in workers.refusal()
    workers.let_go()
    assert machine.ended(runs[0]).member == "BatchFailed"
    assert machine.task(held[0])["state"] == "running"
    disk.free()
    workers.check(runs + held)
    machine.wait(lambda: "TROUBLE" not in _status(machine), "the trouble is over")
    assert workers.refusal() == ""


def _is_made(machine: Machine, task_id: str) -> bool:
    return machine.unit_state(machine.task(task_id)["systemd_unit"]) == "loaded"


def test_whatever_write_finds_the_disk_full_who_is_accepted_runs_once_and_who_is_refused_never(
    machine: Machine, workers: Workers, disk: Disk
) -> None:
    workers.let_go()
    accepted: list[str] = []
    refused = 0
    for pages in range(24):
        disk.fill(but=pages)
        try:
            accepted += workers.queue("work")
        except CallFailed as error:
            if not error.name.endswith(".LimitExceeded"):
                raise
            refused += 1
        disk.free()
    assert refused > 0
    assert len(accepted) == len(set(accepted)) > 0
    workers.check(accepted)


def test_on_a_disk_that_becomes_read_only_what_is_accepted_waits(machine: Machine, workers: Workers) -> None:
    runs = workers.queue("work")
    machine.wait(lambda: _is_made(machine, runs[0]), "it runs")
    with only_the_daemon_cannot_write(machine):
        held = workers.queue("work")
        machine.wait(lambda: "Read-only file system; remount" in _status(machine), "it is told")
        assert "remount its file system writable" in workers.refusal()
        workers.let_go()
        assert machine.ended(runs[0]).member == "BatchFailed"
    workers.check(runs + held)
    assert workers.refusal() == ""


def _make_full(disk: Disk) -> Callable[[], None]:
    STORE.with_name("state.sqlite-shm").unlink()  # It takes room to open it.
    disk.fill()
    return disk.free


def _make_read_only(disk: Disk) -> Callable[[], None]:
    disk.remount("ro")
    return lambda: disk.remount("rw")


def _make_unreadable(disk: Disk) -> Callable[[], None]:
    aside = STORE.with_name("aside")
    STORE.rename(aside)
    STORE.mkdir()

    def undo() -> None:
        STORE.rmdir()
        aside.rename(STORE)

    return undo


@pytest.mark.parametrize("spoil", [_make_full, _make_read_only, _make_unreadable])
def test_a_daemon_that_cannot_open_its_store_says_why_and_starts_by_itself_once_it_can(
    machine: Machine, workers: Workers, disk: Disk, spoil: Callable[[Disk], Callable[[], None]]
) -> None:
    machine.call("Drain", "")  # What runs has its output open, and would keep the disk from being remounted.
    ids = workers.queue("work")
    workers.let_go()
    machine.systemctl("stop", SERVICE)
    undo = spoil(disk)
    try:
        subprocess.run(["systemctl", "start", "--no-block", SERVICE], check=True)
        machine.wait(lambda: str(STORE) in _status(machine), "it says what is wrong")
    finally:
        undo()
    machine.wait_ready()
    assert int(machine.show(SERVICE, "NRestarts")) > 0
    machine.call("Resume", "")
    workers.check(ids)


def test_a_store_that_was_damaged_meanwhile_is_kept_and_what_runs_is_recorded_anew(
    machine: Machine, workers: Workers
) -> None:
    first, runs = workers.queue("work", "work")
    machine.wait(lambda: _is_made(machine, first) and _is_made(machine, runs), "both run")
    machine.call("Kill", "ss", first, "KILL")
    assert machine.closed(first)["signal"] == "KILL"
    machine.systemctl("stop", SERVICE)
    damaged = damage()
    machine.systemctl("start", SERVICE)
    assert STORE.with_name("state.sqlite.corrupt-1").read_bytes() == damaged
    assert machine.property("ChunksFree") == 31
    task = machine.task(runs)
    assert (task["state"], task["kind"], task["chunks"]) == ("running", "batch", 1)
    (later,) = workers.queue("work")
    assert int(later.rpartition(".")[2]) == int(runs.rpartition(".")[2]) + 1
    workers.let_go()
    workers.check([runs, later])
    history = machine.call("ListEvents", "tu", 0, 10_000)
    assert [event for _, _, _, event, _ in history[:2]] == ["HistoryBegan", "TaskFound"]
    assert history[0][0] > 1_000_000_000_000


@pytest.mark.parametrize("harm", [damage, STORE.unlink], ids=["damaged", "removed"])
def test_a_store_that_comes_to_harm_under_the_daemon_is_replaced_by_what_is_in_memory(
    machine: Machine, workers: Workers, harm: Callable[[], object]
) -> None:
    ids = workers.queue("work")
    machine.wait(lambda: _is_made(machine, ids[0]), "the first one runs")
    ids += workers.queue("large", "large")
    harm()
    ids += workers.queue("large")
    machine.systemctl("kill", "--signal=KILL", SERVICE)
    machine.wait_ready()
    assert sorted(task["id"] for task in machine.running()) == sorted(ids)
    workers.let_go()
    workers.check(ids)
    history = machine.call("ListEvents", "tu", 0, 10_000)
    assert (history[0][0] > 3, history[0][3]) == (True, "HistoryBegan")


def test_after_a_reboot_what_ran_is_lost_and_what_waited_starts(machine: Machine, workers: Workers) -> None:
    machine.write_unit("root.workorder", "[Workorder]\nExec=/bin/sleep infinity\nRoot=yes\nCPUs=0\n")
    (root,) = machine.workorder_start(BatchCall("root"))
    (runs,) = workers.queue("work")
    machine.wait(lambda: _is_made(machine, runs) and _is_made(machine, root), "both run")
    (waits,) = workers.queue("large")
    machine.systemctl("stop", SERVICE)
    machine.systemctl("stop", "taskpacker-*.service")
    shutil.rmtree(RECEIPTS)
    with another_boot(machine, "11111111-2222-3333-4444-555555555555"):
        machine.systemctl("start", SERVICE)
        assert machine.ended(runs).member == "BatchFailed"
        for task_id in (runs, root):
            task = machine.closed(task_id)
            assert (task["result"], task["message"]) == ("lost", "the machine went down under it")
        machine.wait(lambda: machine.property("NRunning") == 2, "what waited runs, and the root anew")
        names = sorted(task["name"] for task in machine.running())
        assert names == ["large", "root"]
        workers.let_go()
        workers.check([waits])
        machine.call("Kill", "ss", machine.running("root")[0]["id"], "KILL")
        machine.wait(lambda: not machine.running(), "no task is left")
        machine.systemctl("stop", SERVICE)
    machine.systemctl("start", SERVICE)
