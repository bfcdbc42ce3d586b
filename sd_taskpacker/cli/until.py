# SPDX-License-Identifier: LGPL-2.1-or-later
"""`wait ID...`: until all of them have ended, however long ago that was."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.news import News, ServiceCame, TimeUp
from sd_taskpacker.cli.chain import Tries, later
from sd_taskpacker.cli.happenings import OutOfTime, exit_status
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.wait import wait_for
from sd_taskpacker.model.quantities import INFINITY

TIMED_OUT: Final = 124
"""As timeout(1)."""

Task = Mapping[str, Any]


async def wait(client: Client, options: Namespace, out: Output) -> int:
    """The status of the first one, as they were named, that did not succeed. Raises NoSuchTask."""
    ids = list(dict.fromkeys(options.ids))
    news = await client.watch()
    for task_id in ids:
        await client.get_task(task_id)
    # They may have ended before we watched: this has all of them looked at.
    news.put_nowait(ServiceCame())
    over = _Limit(news, options.timeout)
    try:
        status = await wait_for(client, news, ids, out, alone=len(ids) == 1)
    except OutOfTime as error:
        out.warn(f"Not over within the time given. {error}")
        return TIMED_OUT
    finally:
        over.cancel()
    if out.json is Json.OFF and (status == 0 or len(ids) == 1):
        return status
    tries = Tries(client)
    last = [await _last_try(client, task_id, tries) for task_id in ids]
    if out.json is not Json.OFF:
        out.document(last)
    return _first_failure(last)


class _Limit:
    """Ends the wait from outside, by news of our own. `usec`: None is no limit."""

    def __init__(self, news: asyncio.Queue[News], usec: int | None) -> None:
        self._news = news
        self._timer: asyncio.TimerHandle | None = None
        if usec is not None and usec != INFINITY:
            self._timer = asyncio.get_running_loop().call_later(usec / 1_000_000, self._end)

    def cancel(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _end(self) -> None:
        self._news.put_nowait(TimeUp())


async def _last_try(client: Client, task_id: str, tries: Tries) -> Task:
    task = await client.get_task(task_id)
    following = await later(client, task, tries)
    return following[-1] if following else task


def _first_failure(tasks: Sequence[Task]) -> int:
    return next((status for status in map(exit_status, tasks) if status), 0)
