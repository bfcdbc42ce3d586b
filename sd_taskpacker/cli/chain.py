# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tries of one task: what it is a retry of, and what it was tried again as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.values import Value

LONGEST: Final = 20
"""Tries that are followed; whoever has more sees those nearest to the one that was asked for."""
_STATES: Final = ("waiting", "running", "complete", "failed")

Task = Mapping[str, Any]


async def earlier(client: Client, task: Task) -> list[Task]:
    """The tries before this one, the first of them first. History may not reach back that far."""
    found: list[Task] = []
    while "retry_of" in task and len(found) < LONGEST:
        try:
            task = await client.get_task(task["retry_of"])
        except NoSuchTask:
            break
        found.insert(0, task)
    return found


async def later(client: Client, task: Task) -> list[Task]:
    """The tries after this one, in their order."""
    found: list[Task] = []
    while task["state"] == "failed" and ("retries" in task or "on_oom" in task) and len(found) < LONGEST:
        following = await _next_try(client, task)
        if following is None:
            break
        task = following
        found.append(task)
    return found


async def _next_try(client: Client, task: Task) -> Task | None:
    """It was queued in the same moment in which this one was found to have failed."""
    since = {"root": Value("s", task["root"]), "since": Value("t", task.get("ended", task["submitted"]))}
    tasks = await client.list_tasks(since | {"state": Value("as", list(_STATES))})
    return next((each for each in tasks if each.get("retry_of") == task["id"]), None)
