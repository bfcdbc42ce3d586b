# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine sleeps while tasks run and wait, and its own alarm wakes it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.vm.guest import SERVICE, shown, submitted, task, told, unit_of, wait

pytestmark = pytest.mark.system
ALARM = Path("/sys/class/rtc/rtc0/wakealarm")


def _asleep_so_far() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _sleep(seconds: int) -> None:
    ALARM.write_text("0")
    ALARM.write_text(f"+{seconds}")
    Path("/sys/power/state").write_text("mem")


def test_asleep_a_deadline_passes_and_afterwards_all_goes_on(full: str) -> None:
    late, calm = submitted("next", "--deadline=12min"), submitted("next")
    told("date", "--set", "+11 minutes")  # One that is near is refused, for what runs is to take longer than that.
    program, restarts, asleep = shown(unit_of(full), "MainPID"), shown(SERVICE, "NRestarts"), _asleep_so_far()
    _sleep(60)
    assert _asleep_so_far() - asleep > 30
    wait(lambda: "ended" in task(late), "its deadline is over")
    assert task(late)["result"] == "deadline"
    assert (task(calm)["state"], task(full)["state"]) == ("waiting", "running")
    assert (shown(unit_of(full), "MainPID"), shown(SERVICE, "NRestarts")) == (program, restarts)
