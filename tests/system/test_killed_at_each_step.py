# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL just before and just after each step of submit, start, end, announce, collect, close, cancel and retry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system import dying_daemon
from tests.system.accounts import Accounts
from tests.system.machine import SERVICE, BatchCall, Machine

pytestmark = pytest.mark.needs_root

PYTHON: Final = "/usr/lib/sd-taskpacker/bin/python3"
PLACE: Final = Path("/usr/local/lib/taskpacker-tests/dying_daemon.py")
SETTINGS: Final = f"ExecStart=\nExecStart={PYTHON} {PLACE}\nRestartSec=20ms"

WHILE_IT_SERVES: Final = (
    "commit TaskQueued",
    "commit TaskStarted",
    "send reply",
    "prepare",
    "start",
    "commit TaskEnded",
    "commit retry",
    "send TaskChanged",
    "send BatchComplete",
    "release",
    "collect",
    "commit TaskClosed",
    "commit cancel",
    "remove",
)
ONE_AFTER_THE_OTHER: Final = (
    "commit TaskStarted after",
    *("unused before", "unused after", "prepare before", "prepare after"),
    *("remove before", "remove after", "start before", "start after", "adopt before", "adopt after"),
    *("read before", "read after", "commit TaskEnded before", "commit TaskEnded after", "seal before", "seal after"),
    *("send BatchFailed before", "send BatchFailed after", "release before", "release after"),
    *("discard before", "discard after", "collect before", "collect after"),
    *("commit TaskClosed before", "commit TaskClosed after"),
)
"""The whole life of a task whose daemon never comes further than to the next step."""


@pytest.fixture(scope="module")
def fused(_booted: Machine) -> Iterator[None]:
    """The daemon with a fuse in the place of the plain one."""
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_text(Path(dying_daemon.__file__).read_text())
    _booted.settings("program", SETTINGS)
    _booted.systemctl("restart", SERVICE)
    yield
    _booted.settings("program", "")
    _booted.systemctl("restart", SERVICE)


@pytest.fixture
def fuse(fused: None, machine: Machine) -> Iterator[Path]:
    yield dying_daemon.FUSE
    dying_daemon.FUSE.unlink(missing_ok=True)
    dying_daemon.BURNT.unlink(missing_ok=True)


def _check(machine: Machine, accounts: Accounts) -> None:
    """Each end was told; again only of a task whose daemon was killed before it had remembered that it was told."""
    machine.wait_ready()
    interrupted = Counter(dying_daemon.BURNT.read_text().splitlines())
    batch = [task_id for task_id in accounts.close() if not task_id.startswith("holds")]
    machine.wait(lambda: all(map(machine.ended_signals, batch)), "every end was told")
    for task_id in batch:
        assert machine.ended_signals(task_id) <= 1 + interrupted[task_id], task_id


@pytest.mark.parametrize("point", WHILE_IT_SERVES)
def test_a_daemon_that_is_killed_at_a_step_and_again_behind_it_loses_and_repeats_nothing(
    machine: Machine, fuse: Path, point: str
) -> None:
    accounts = Accounts(machine)
    fuse.write_text(f"{point} before\n{point} after")
    accounts.queue("good", "bad", "dies", "again", "one", "waits")
    accounts.start("holds")
    for ids in accounts.queue("good", "one", "one", "one")[2:]:
        accounts.cancel(ids[0])
    accounts.let_go()
    machine.wait(lambda: not fuse.exists() or accounts.at_rest(), "what it was killed in is done")
    if fuse.exists():  # Some steps are not taken again before the next task comes.
        accounts.queue("good")
        accounts.queue("good")
    machine.wait(lambda: not fuse.exists(), f"it is killed after {point}")
    _check(machine, accounts)


@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1_000)])
def test_a_thousand_entries_are_remembered_by_one_commit(
    machine: Machine, fuse: Path, when: str, accepted: int
) -> None:
    machine.write_unit("mass.batch", "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n")
    machine.call("Drain", "")
    try:
        fuse.write_text(f"commit TaskQueued {when}")
        calls = [BatchCall("mass", {"tag": when}).wire()] * 1_000
        assert machine.try_call("BatchQueue", "a(sa{sv}a{sv})", calls) is None
        machine.wait_ready()
        assert sum(task.get("tag") == when for task in machine.running("mass", limit=10_000)) == accepted
    finally:
        machine.call("Decommission", "s", "mass")
        machine.call("Recommission", "s", "mass")
        machine.call("Resume", "")


def test_a_task_bears_that_the_daemon_dies_at_each_step_of_its_life(machine: Machine, fuse: Path) -> None:
    accounts = Accounts(machine)
    fuse.write_text("\n".join(ONE_AFTER_THE_OTHER))
    accounts.queue("waits")
    machine.wait(lambda: "adopt" not in fuse.read_text(), "it runs and was adopted")
    accounts.let_go()
    machine.wait(lambda: not fuse.exists(), "the daemon has died at each step")
    _check(machine, accounts)
    assert len(accounts.history()) == 1
