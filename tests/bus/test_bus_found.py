# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sd_taskpacker.bus.found import found
from sd_taskpacker.bus.properties import transient
from sd_taskpacker.engine.ports import FoundUnit
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.task import Task
from tests.bus.builders import a_task, a_workorder

BATCH = dataclasses.replace(a_task(), argv=("/bin/echo", "${HOME}", "$$"))
WORKORDER = dataclasses.replace(a_workorder("build@1"), directory="/var/lib/sd-taskpacker/build/@1")


def _shown(task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    """As systemd shows what it was given."""
    given = {name: value.data for name, value in transient(task)}
    # A command with `$` is read from a file, in which nothing is doubled.
    rest = {"MemoryMax": INFINITY, "ExecStart": [[task.argv[0], list(task.argv)]]}
    return {"Description": given["Description"], "InactiveExitTimestamp": 7}, rest | given


@pytest.mark.parametrize("task", [BATCH, WORKORDER], ids=["batch", "workorder"])
def test_what_was_given_to_systemd_is_found_again(task: Task) -> None:
    assert found(task.id, *_shown(task)) == FoundUnit(
        id=task.id,
        kind=task.kind,
        description=task.description,
        argv=task.argv,
        user=task.user,
        directory=task.directory,
        memory_max=task.memory_max if task is BATCH else None,
        started_usec=7,
    )


@pytest.mark.parametrize("environment", [[], ["TASKPACKER_SLICE=system.slice"], ["TASKPACKER_SLICE=x", "nonsense"]])
def test_a_unit_that_we_did_not_make_is_not_ours(environment: list[str]) -> None:
    unit, service = _shown(BATCH)
    assert found(BATCH.id, unit, service | {"Environment": environment}) is None


def test_a_directory_that_does_not_belong_to_the_id_is_not_ours() -> None:
    unit, service = _shown(BATCH)
    service["Environment"] = ["TASKPACKER_SLICE=taskpacker-batch.slice", "TASKPACKER_RESULTS=/etc/results"]
    assert found(BATCH.id, unit, service) is None
