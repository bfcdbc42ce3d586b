# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task to send around; a test names only what it is about."""

from __future__ import annotations

from typing import Any

from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Outcome, Result, Task, Usage
from sd_taskpacker.model.unit import Kind

HOME = "/var/lib/sd-taskpacker/massif/@20261121.0"


def a_task(task_id: str = "massif@20261121.0", **changed: Any) -> Task:
    fields: dict[str, Any] = {
        "id": TaskId.parse(task_id),
        "kind": Kind.BATCH,
        "unit": "massif",
        "description": "Heap profile of one program",
        "argv": ("/usr/bin/valgrind", "--tool=massif", "$HOME"),
        "params": (),
        "parameters": {},
        "properties": (),
        "user": None,
        "directory": HOME,
        "root_directory": "/var/lib/sd-taskpacker/massif",
        "chunks": 8,
        "cpus": 1,
        "expected_usec": None,
        "priority": 100,
        "deadline_usec": None,
        "tag": "",
        "keep_success": 3,
        "keep_failed": 3,
        "uid": 1000,
        "boot_id": "boot",
        "submitted_usec": 10,
        "started_usec": 11,
    }
    return Task(**fields | changed)


def a_workorder(task_id: str = "build@1", **changed: Any) -> Task:
    return a_task(task_id, kind=Kind.WORKORDER, unit="build", **changed)


def an_outcome(result: Result = Result.EXIT_CODE) -> Outcome:
    usage = Usage(cpu_usec=5, memory_peak=6)
    return Outcome(result=result, ended_usec=20, exit_status=1, signal="KILL", message="why", usage=usage)
