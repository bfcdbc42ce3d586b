# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at any instant: while clients submit and cancel and tasks end, and in the middle of one very large call.

`TASKPACKER_KILLS` is how often the first test kills, `TASKPACKER_SEED` what its chances begin with.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from tests.system.accounts import Accounts
from tests.system.clients import submitting
from tests.system.machine import SERVICE, BatchCall, Machine

pytestmark = pytest.mark.needs_root

KILLS: Final = int(os.environ.get("TASKPACKER_KILLS", "40"))
SEED: Final = int(os.environ.get("TASKPACKER_SEED", "1"))
LONGEST_LIFE: Final = 0.6
ENTRIES: Final = 1_000
PARTS: Final = (0.3, 0.6, 0.8, 0.9, 1.0)
"""When the daemon is killed in such a call, of the time that one takes."""


@pytest.fixture
def hasty(machine: Machine) -> Iterator[Machine]:
    """systemd starts the daemon again at once."""
    machine.settings("program", "RestartSec=20ms")
    yield machine
    machine.settings("program", "")


def test_a_daemon_that_is_killed_again_and_again_loses_nothing_and_runs_nothing_twice(hasty: Machine) -> None:
    accounts = Accounts(hasty)
    chance = random.Random(SEED)
    with submitting(accounts, SEED):
        for _ in range(KILLS):
            hasty.wait(lambda: hasty.show(SERVICE, "ActiveState") == "active", "the daemon is up")
            time.sleep(chance.uniform(0, LONGEST_LIFE))  # The instant is what is random here.
            hasty.kill_daemon()
    hasty.wait_ready()
    history = accounts.close()
    assert len(history) > KILLS
    batch = list(history)
    hasty.wait(lambda: all(map(hasty.ended_signals, batch)), "every end was told")


def test_a_call_that_the_daemon_dies_in_is_accepted_whole_or_not_at_all(hasty: Machine) -> None:
    hasty.write_unit("mass.batch", "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n")
    hasty.call("Drain", "")
    try:
        began = time.monotonic()
        assert len(_queue(hasty, "measured")) == ENTRIES
        lasts = time.monotonic() - began
        for part in PARTS:
            with ThreadPoolExecutor() as one:
                call = one.submit(_queue, hasty, f"part{part}")
                time.sleep(part * lasts)
                hasty.kill_daemon()
            hasty.wait_ready()
            known = sum(task.get("tag") == f"part{part}" for task in hasty.running("mass", limit=10_000))
            assert known in (0, ENTRIES)
            assert known == ENTRIES or not call.result()
    finally:
        hasty.call("Decommission", "s", "mass")
        hasty.call("Recommission", "s", "mass")
        hasty.call("Resume", "")


def _queue(machine: Machine, label: str) -> list[Any]:
    calls = [BatchCall("mass", {"tag": label}).wire()] * ENTRIES
    return machine.try_call("BatchQueue", "a(sa{sv}a{sv})", calls) or []
