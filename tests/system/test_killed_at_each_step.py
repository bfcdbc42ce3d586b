# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL just before and just after each step of submit, start, end, announce, collect, close, cancel and retry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system import dying_daemon
from tests.system.accounts import Accounts
from tests.system.machine import SERVICE, Machine

PYTHON: Final = "/usr/lib/sd-taskpacker/bin/python3"
PLACE: Final = Path("/usr/local/lib/taskpacker-tests/dying_daemon.py")
SETTINGS: Final = f"ExecStart=\nExecStart={PYTHON} {PLACE}\nRestartSec=20ms"

SERVING: Final = (
    "commit TaskQueued",
    "commit TaskStarted",
    "send reply",
    "prepare",
    "start",
    "read",
    "commit TaskEnded",
    "commit retry",
    "send TaskChanged",
    "seal",
    "send BatchComplete",
    "send BatchFailed",
    "release",
    "discard",
    "collect",
    "commit TaskClosed",
    "commit cancel",
    "remove",
)
"""Steps of a daemon that serves."""
TAKING_UP: Final = ("adopt", "read", "commit TaskEnded", "send BatchFailed", "release", "collect", "commit TaskClosed")
"""Steps of one that has just come and takes up what an earlier one left."""


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


def _told_twice() -> set[str]:
    return set(dying_daemon.BURNT.read_text().splitlines())


def _check_signals(machine: Machine, accounts: Accounts) -> None:
    """Each end was told; a second time only of a task whose daemon was killed before it had remembered the first."""
    for task_id in accounts.close():
        if not task_id.startswith("holds"):
            machine.wait(lambda: machine.ended_signals(task_id) > 0, f"a signal about {task_id}")  # noqa: B023
            allowed = (1, 2) if task_id in _told_twice() else (1,)
            assert machine.ended_signals(task_id) in allowed, task_id


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", SERVING)
def test_a_daemon_that_is_killed_while_it_serves_loses_nothing_and_repeats_nothing(
    machine: Machine, fuse: Path, point: str, when: str
) -> None:
    accounts = Accounts(machine)
    fuse.write_text(f"{point} {when}")
    accounts.queue("good", "bad", "dies", "again", "one", "waits")
    accounts.start("holds")
    for ids in accounts.queue("good", "one", "one")[2:]:
        accounts.cancel(ids[0])
    accounts.let_go()
    machine.wait(lambda: not fuse.exists(), f"it is killed {when} {point}")
    machine.wait_ready()
    _check_signals(machine, accounts)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", TAKING_UP)
def test_a_daemon_that_is_killed_while_it_takes_up_the_work_of_another_one_does_so_too(
    machine: Machine, fuse: Path, point: str, when: str
) -> None:
    accounts = Accounts(machine)
    accounts.queue("bad", "good", "again", "waits")
    accounts.start("holds")
    fuse.write_text(f"{point} {when}")
    machine.kill_daemon()
    if point != "adopt":
        accounts.let_go()
    machine.wait(lambda: not fuse.exists(), f"it is killed {when} {point}")
    accounts.let_go()
    machine.wait_ready()
    _check_signals(machine, accounts)
