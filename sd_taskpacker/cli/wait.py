# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for tasks to end: woken by signals, never by a timer, and told the truth by GetTask.

Tasks outlive a restart of the service and of the bus, and so does the wait for them. How it is shown is not decided
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.link import Absent, BusGone
from sd_taskpacker.bus.news import (
    BatchEnded,
    BusLost,
    FiguresChanged,
    News,
    ServiceCame,
    ServiceGone,
    TaskChanged,
    TimeUp,
)
from sd_taskpacker.cli.chain import Tries
from sd_taskpacker.cli.display import Display, display_for
from sd_taskpacker.cli.happenings import (
    FAILED,
    Away,
    Back,
    Budget,
    Ended,
    Happening,
    Moved,
    OutOfTime,
    TriedAgain,
    exit_status,
    goes_on,
)
from sd_taskpacker.cli.output import Output
from sd_taskpacker.cli.states import ENDED
from sd_taskpacker.errors import Unreachable

Task = Mapping[str, Any]


async def wait_for(
    client: Client,
    news: asyncio.Queue[News],
    ids: Sequence[str],
    out: Output,
    *,
    alone: bool,
    display: Display | None = None,
) -> int:
    """The exit status: the task's own where it was the only one asked for, else 0 if all completed and 1 if not.

    A task that is tried again (`Retry=`, `OnOOM=`) has ended when its last try has. `news` watches since before the
    tasks were asked for; for tasks that may have ended before that, put a ServiceCame into it, and for an end of
    one's patience a TimeUp. Raises Unreachable when the bus is lost and stays away, and OutOfTime.
    """
    waiting = dict.fromkeys(ids)
    statuses = []
    try:
        async with display or display_for(client, ids, out) as shown:
            async for each in happenings(client, news, waiting):
                shown.note(each)
                if isinstance(each, Ended):
                    statuses.append(exit_status(each.task))
    except asyncio.CancelledError:
        out.interrupted(f"Interrupted. {goes_on(waiting)}")
        raise
    return statuses[0] if alone and len(statuses) == 1 else FAILED if any(statuses) else 0


async def happenings(client: Client, news: asyncio.Queue[News], waiting: dict[str, None]) -> AsyncIterator[Happening]:
    """Until none of `waiting` is left: who ends is taken out, and who is tried again stays as the next try."""
    tries = Tries(client)
    while waiting:
        latest = await news.get()
        if isinstance(latest, BusLost):
            yield Away(tuple(waiting), "The bus")
            await _reconnect(client, waiting)
        told, concerned = _concerned(latest, waiting)
        if told:
            yield told
        while concerned:
            task_id, number = concerned.pop()
            task, following = await _look(client, task_id, tries, number)
            if task is None:
                continue
            if task["state"] not in ENDED:
                yield Moved(id=task_id, state=str(task["state"]))
                continue
            del waiting[task_id]
            if following is None:
                yield Ended(task)
            else:
                waiting[following] = None
                concerned.append((following, None))  # It may have ended before we knew of it.
                yield TriedAgain(task, following)


async def _look(client: Client, task_id: str, tries: Tries, number: int | None) -> tuple[Task | None, str | None]:
    """The task and the id of the next try; None while the service or the bus is away: all are asked for when it is
    back."""
    try:
        task = await client.get_task(task_id)
        return task, await tries.after(task, ended_as=number)
    except (Absent, BusGone):
        return None, None


async def _reconnect(client: Client, waiting: Collection[str]) -> None:
    try:
        await client.reconnect()
    except Unreachable as error:
        raise Unreachable("The bus went away during the wait and stays away", hint=goes_on(waiting)) from error


def _concerned(news: News, waiting: Collection[str]) -> tuple[Happening | None, list[tuple[str, int | None]]]:
    """What it tells by itself, and those that may have ended, in the order in which to pop them, with the number of
    that event where it is known."""
    match news:
        case TaskChanged(sequence=number, id=task_id, state=state, details=details) if task_id in waiting:
            if state in ENDED:
                return None, [(task_id, number)]
            return Moved(id=task_id, state=state, promised=details.get("promised")), []
        case FiguresChanged(changed=changed):
            return Budget(changed), []
        case ServiceGone():
            return Away(tuple(waiting)), []
        case ServiceCame() | BusLost():
            # What happened meanwhile was told to nobody; each task's record says all of it.
            return Back(), [(each, None) for each in reversed([*waiting])]
        case TimeUp():
            raise OutOfTime(goes_on(waiting))
        case TaskChanged() | BatchEnded():
            return None, []
