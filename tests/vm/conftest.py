# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.vm.guest import UNITS, submitted, task, told, wait


@pytest.fixture
def full() -> Iterator[str]:
    """The id of a task that has all the memory there is. Beside it, units that wait: `next`, and `fails`."""
    chunks = json.loads(told("taskpackerctl", "show", "--json=short"))["ChunksTotal"]
    (UNITS / "full.batch").write_text(
        f"[Batch]\nExec=/bin/sleep infinity\nSize={chunks * 32}M\nCPUs=0\nExpectedSec=10min\n"
    )
    (UNITS / "next.batch").write_text("[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\nExpectedSec=1min\n")
    (UNITS / "fails.batch").write_text("[Batch]\nExec=/bin/false\nSize=tiny\nCPUs=0\nExpectedSec=1min\nRetry=1\n")
    task_id = submitted("full")
    wait(lambda: task(task_id)["state"] == "running", "it runs")
    yield task_id
    if task(task_id)["state"] == "running":
        told("taskpackerctl", "kill", task_id)
        wait(lambda: "ended" in task(task_id), "it ends")
