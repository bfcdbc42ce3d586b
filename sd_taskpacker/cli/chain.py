# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tries of one task: what it is a retry of, and what it was tried again as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.states import ENDED, MOST_LISTED, OPEN
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.values import Value

LONGEST: Final = 20
"""Tries that are followed; whoever has more sees those nearest to the one that was asked for."""

Task = Mapping[str, Any]


class Tries:
    """Which task is the next try of which. What a listing has told of others is kept, so that of many tasks not
    each one makes the service list them all."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._next: dict[str, str] = {}

    async def after(self, task: Task, *, ended_as: int | None = None) -> str | None:
        """The id of the next try. `ended_as`: the sequence number of its end, where it is known.

        The next try is queued in the same moment in which the one before is found to have failed, as the event that
        follows. A listing is the second choice: it has a limit, and what waits comes last in it.
        """
        task_id = str(task["id"])
        if not _may_be_tried_again(task):
            return None
        if task_id not in self._next and ended_as is not None:
            await self._read_event(ended_as)
        root = {"root": Value("s", task["root"])}
        over = root | {"state": Value("as", list(ENDED))}
        since = {"since": Value("t", task.get("ended", task["submitted"]))}
        # Last without a time: by its own a try may be from before the end of the one before, if the clock was set.
        for filters in (root | {"state": Value("as", list(OPEN))}, over | since, over):
            if task_id not in self._next:
                await self._list(filters)
        return self._next.get(task_id)

    async def _read_event(self, before: int) -> None:
        for event in await self._client.list_events(before, 1):
            if "retry_of" in event.details:
                self._next[str(event.details["retry_of"])] = event.id

    async def _list(self, filters: Mapping[str, Value]) -> None:
        for each in await self._client.list_tasks({**filters, "limit": Value("u", MOST_LISTED)}):
            if "retry_of" in each:
                self._next[str(each["retry_of"])] = str(each["id"])


def _may_be_tried_again(task: Task) -> bool:
    """What has never run was taken out of the queue, and is not."""
    again = "retries" in task or ("on_oom" in task and task.get("result") == "oom-kill")
    return task["state"] == "failed" and "started" in task and again


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


async def later(client: Client, task: Task, tries: Tries) -> list[Task]:
    """The tries after this one, in their order."""
    found: list[Task] = []
    while len(found) < LONGEST and (following := await tries.after(task)):
        task = await client.get_task(following)
        found.append(task)
    return found
