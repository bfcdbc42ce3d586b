# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for tasks to end: woken by signals, never by a timer, and told the truth by GetTask.

Tasks outlive a restart of the service and of the bus, and so does the wait for them.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.link import Absent, BusGone
from sd_taskpacker.bus.news import BatchEnded, BusLost, FiguresChanged, News, ServiceCame, ServiceGone, TaskChanged
from sd_taskpacker.cli.output import Output
from sd_taskpacker.cli.text import timestamp
from sd_taskpacker.errors import Unreachable
from sd_taskpacker.model.values import Value

FAILED: Final = 1
STATES: Final = ("waiting", "running", "complete", "failed")
ENDED: Final = ("complete", "failed")

Task = Mapping[str, Any]


async def wait_for(client: Client, news: asyncio.Queue[News], ids: Sequence[str], out: Output, *, alone: bool) -> int:
    """The exit status: the task's own where it was the only one asked for, else 0 if all completed and 1 if not.

    A task that is tried again (`Retry=`, `OnOOM=`) has ended when its last try has. `news` watches since before the
    tasks were asked for. Raises Unreachable when the bus is lost and stays away.
    """
    waiting = dict.fromkeys(ids)
    statuses = []
    try:
        async for task in _endings(client, news, waiting, out):
            out.talk(sentence(task))
            statuses.append(exit_status(task))
    except asyncio.CancelledError:
        out.warn(f"Interrupted. {_goes_on(waiting)}")
        raise
    return statuses[0] if alone and len(statuses) == 1 else FAILED if any(statuses) else 0


async def _endings(
    client: Client, news: asyncio.Queue[News], waiting: dict[str, None], out: Output
) -> AsyncIterator[Task]:
    while waiting:
        latest = await news.get()
        if isinstance(latest, BusLost):
            await _reconnect(client, waiting, out)
        concerned = _concerned(latest, waiting, out)
        while concerned:
            task_id = concerned.pop()
            task, following = await _look(client, task_id)
            if task is None or task["state"] not in ENDED:
                continue
            del waiting[task_id]
            if following is None:
                yield task
            else:
                out.talk(f"{sentence(task)}; it is tried again as {following}")
                waiting[following] = None
                concerned.append(following)  # It may have ended before we knew of it.


async def _look(client: Client, task_id: str) -> tuple[Task | None, str | None]:
    """The task and the id of the next try; None while the service or the bus is away: all are asked for when it is
    back."""
    try:
        task = await client.get_task(task_id)
        return task, await _next_try(client, task)
    except (Absent, BusGone):
        return None, None


async def _reconnect(client: Client, waiting: Collection[str], out: Output) -> None:
    out.talk(f"The bus went away; waiting until it is back. {_goes_on(waiting)}")
    try:
        await client.reconnect()
    except Unreachable as error:
        raise Unreachable("The bus went away during the wait and stays away", hint=_goes_on(waiting)) from error


async def _next_try(client: Client, task: Task) -> str | None:
    """It was queued in the same moment in which this one was found to have failed."""
    again = "retries" in task or "on_oom" in task
    if task["state"] != "failed" or not again:
        return None
    # A listing has a limit, and of all that came since the first try there may be more.
    since = {"root": Value("s", task["root"]), "since": Value("t", task.get("ended", task["submitted"]))}
    later = await client.list_tasks(since | {"state": Value("as", list(STATES))})
    return next((str(each["id"]) for each in later if each.get("retry_of") == task["id"]), None)


def _concerned(news: News, waiting: Collection[str], out: Output) -> list[str]:
    """Those that may have ended, in the order in which to pop them."""
    match news:
        case TaskChanged(id=task_id, state=state, details=details) if task_id in waiting:
            if state in ENDED:
                return [task_id]
            if "promised" in details:
                by = timestamp(details["promised"])
                out.talk(f"{task_id} {f'waits, to start by {by}' if state == 'waiting' else 'has started'}")
            return []
        case ServiceGone():
            out.talk(f"sd-taskpacker went away; waiting until it is back. {_goes_on(waiting)}")
            return []
        case ServiceCame() | BusLost():
            # What happened meanwhile was told to nobody; each task's record says all of it.
            return list(reversed([*waiting]))
        case TaskChanged() | BatchEnded() | FiguresChanged():
            return []


def _goes_on(waiting: Collection[str]) -> str:
    """For a person who might think that the task is gone with the command."""
    match list(waiting):
        case [only]:
            return f"{only} goes on without this command; taskpackerctl status {only} shows how it does."
        case several:
            return f"{len(several)} tasks go on without this command; taskpackerctl list shows how they do."


def sentence(task: Task) -> str:
    """`build@1 failed: exit-code, status 3`"""
    reasons = [str(task["result"])] if task["state"] == "failed" and "result" in task else []
    if task.get("exit_status"):
        reasons.append(f"status {task['exit_status']}")
    if "signal" in task:
        reasons.append(f"SIG{task['signal']}")
    if "message" in task:
        reasons.append(str(task["message"]))
    return f"{task['id']} {task['state']}" + (f": {', '.join(reasons)}" if reasons else "")


def exit_status(task: Task) -> int:
    """The status of the program, 128 + signal as a shell counts it, 1 when it failed without having either."""
    if task["state"] == "complete":
        return 0
    if "signal" in task:
        return _signal_status(str(task["signal"]))
    return int(task.get("exit_status") or FAILED)


def _signal_status(name: str) -> int:
    try:
        return 128 + signal.Signals[f"SIG{name}"]
    except KeyError:
        return FAILED
