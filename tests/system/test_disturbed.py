# SPDX-License-Identifier: LGPL-2.1-or-later
"""What else happens to a machine: daemon, bus and systemd itself go and come back while tasks come and end."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.system.accounts import Accounts
from tests.system.clients import submitting
from tests.system.machine import SERVICE, Machine

pytestmark = pytest.mark.needs_root

CHECKOUT: Final = Path(__file__).resolve().parents[2]
TIMES: Final = 3


def _reload(machine: Machine) -> None:
    machine.systemctl("daemon-reload")


def _execute_anew(machine: Machine) -> None:
    machine.systemctl("daemon-reexec")


def _restart(machine: Machine) -> None:
    machine.systemctl("restart", SERVICE)


def _kill(machine: Machine) -> None:
    machine.kill_daemon()
    machine.wait_ready()


def _restart_bus(machine: Machine) -> None:
    machine.systemctl("restart", "dbus.service")
    machine.reconnect()
    machine.wait_ready()


def _kill_bus(machine: Machine) -> None:
    machine.systemctl("kill", "--signal=KILL", "dbus.service")
    machine.reconnect()
    machine.wait_ready()


def _install(machine: Machine) -> None:
    words = [str(CHECKOUT / "packaging/install"), "--wheelhouse", str(CHECKOUT / ".venv/wheelhouse")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def _waiting(accounts: Accounts, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`taskpackerctl WORDS --wait` that has printed the id of its task."""
    command = ["taskpackerctl", *words, "--wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        accounts.answered.add(process.stdout.readline().strip())
        try:
            yield process
        finally:
            process.kill()


def _wait_for_more(machine: Machine, accounts: Accounts) -> None:
    known = len(accounts.answered)
    machine.wait(lambda: len(accounts.answered) > known, "tasks are accepted again")


@pytest.mark.parametrize(
    ("disturb", "times"),
    [
        (_reload, TIMES),
        (_execute_anew, TIMES),
        (_restart, TIMES),
        (_kill, 1),
        (_restart_bus, TIMES),
        (_kill_bus, TIMES),
        (_install, 1),
    ],
)
def test_tasks_and_those_who_wait_for_them_bear_it(
    machine: Machine, disturb: Callable[[Machine], None], times: int
) -> None:
    accounts = Accounts(machine)
    with (
        _waiting(accounts, "submit", "waits") as submitted,
        _waiting(accounts, "start", "holds") as started,
    ):
        with submitting(accounts, times):
            for _ in range(times):
                disturb(machine)
                _wait_for_more(machine, accounts)
        accounts.let_go()
        for process, status in ((submitted, 5), (started, 6)):
            _, said = process.communicate(timeout=60)
            assert process.returncode == status, said
    accounts.close()
