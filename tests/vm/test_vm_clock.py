# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody sets the machine's clock while tasks run and wait."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vm.guest import SERVICE, run, shown, submitted, task, told, wait

pytestmark = pytest.mark.system
HOUR = 3600 * 1_000_000


def _retries_of(task_id: str) -> list[dict[str, Any]]:
    listed = json.loads(told("taskpackerctl", "list", "--all", "--json=short"))
    return [each for each in listed if each.get("retry_of") == task_id]


def test_an_hour_back_nothing_starts_beside_what_has_the_room(full: str) -> None:
    began, restarts = task(full)["started"], shown(SERVICE, "NRestarts")
    told("date", "--set", "-1 hour")
    assert run("taskpackerctl", "submit", "next", "--now").returncode == 75
    wait(lambda: task(full)["started"] < began - HOUR // 2, "its start has moved along")
    assert run("taskpackerctl", "submit", "next", "--now").returncode == 75
    assert shown(SERVICE, "NRestarts") == restarts


def test_an_hour_on_a_deadline_is_over_and_a_promise_as_far_off_as_before(full: str) -> None:
    late, calm, again = submitted("next", "--deadline=30min"), submitted("next"), submitted("fails")
    promised, restarts = task(calm)["promised"], shown(SERVICE, "NRestarts")
    told("date", "--set", "+1 hour")
    wait(lambda: "ended" in task(late), "its deadline is over")
    assert task(late)["result"] == "deadline"
    wait(lambda: task(calm)["promised"] > promised + HOUR // 2, "its promise has moved along")
    told("taskpackerctl", "kill", full)
    wait(lambda: task(calm)["state"] == "complete", "what waited runs")
    wait(lambda: "ended" in task(again), "what fails has run, too")
    wait(lambda: [each["state"] for each in _retries_of(again)] == ["failed"], "and once more")
    assert shown(SERVICE, "NRestarts") == restarts
