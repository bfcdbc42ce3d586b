# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody sets the machine's clock while tasks run and wait."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.vm.guest import SERVICE, UNITS, run, shown, submitted, task, told, wait

pytestmark = pytest.mark.system
HOUR = 3600 * 1_000_000


@pytest.fixture
def full() -> Iterator[str]:
    """The id of a task that has all the memory there is."""
    chunks = json.loads(told("taskpackerctl", "show", "--json=short"))["ChunksTotal"]
    (UNITS / "full.batch").write_text(
        f"[Batch]\nExec=/bin/sleep infinity\nSize={chunks * 32}M\nCPUs=0\nExpectedSec=10min\n"
    )
    (UNITS / "next.batch").write_text("[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\nExpectedSec=1min\n")
    task_id = submitted("full")
    wait(lambda: task(task_id)["state"] == "running", "it runs")
    yield task_id
    if task(task_id)["state"] == "running":
        told("taskpackerctl", "kill", task_id)
        wait(lambda: "ended" in task(task_id), "it ends")


def test_an_hour_back_nothing_starts_beside_what_has_the_room(full: str) -> None:
    began, restarts = task(full)["started"], shown(SERVICE, "NRestarts")
    told("date", "--set", "-1 hour")
    assert run("taskpackerctl", "submit", "next", "--now").returncode == 75
    wait(lambda: task(full)["started"] < began - HOUR // 2, "its start has moved along")
    assert run("taskpackerctl", "submit", "next", "--now").returncode == 75
    assert shown(SERVICE, "NRestarts") == restarts


def test_an_hour_on_a_deadline_is_over_and_a_promise_as_far_off_as_before(full: str) -> None:
    late, calm = submitted("next", "--deadline=30min"), submitted("next")
    promised, restarts = task(calm)["promised"], shown(SERVICE, "NRestarts")
    told("date", "--set", "+1 hour")
    wait(lambda: "ended" in task(late), "its deadline is over")
    assert task(late)["result"] == "deadline"
    wait(lambda: task(calm)["promised"] > promised + HOUR // 2, "its promise has moved along")
    told("taskpackerctl", "kill", full)
    wait(lambda: task(calm)["state"] == "complete", "what waited runs")
    assert shown(SERVICE, "NRestarts") == restarts
