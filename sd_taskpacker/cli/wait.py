# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for tasks to end: woken by signals, never by a timer, and told the truth by GetTask.

Tasks outlive a restart of the service, and so does the wait for them.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.bus.client import Absent, Client
from sd_taskpacker.bus.news import BatchEnded, BusLost, FiguresChanged, News, ServiceCame, ServiceGone
from sd_taskpacker.cli.output import Output
from sd_taskpacker.errors import Unreachable
from sd_taskpacker.model.unit import Kind

FAILED: Final = 1

Task = Mapping[str, Any]


async def wait_for(
    client: Client, news: asyncio.Queue[News], ids: Sequence[str], kind: Kind, out: Output, *, alone: bool
) -> int:
    """The exit status: the task's own where it was the only one asked for, else 0 if all completed and 1 if not.

    `news` watches since before the tasks were asked for. Raises Unreachable when the bus is lost.
    """
    waiting = dict.fromkeys(ids)
    statuses = []
    try:
        async for task in _endings(client, news, waiting, kind, out):
            out.talk(sentence(task))
            statuses.append(exit_status(task))
    except asyncio.CancelledError:
        out.warn(f"Interrupted. {_goes_on(waiting)}")
        raise
    return statuses[0] if alone and len(statuses) == 1 else FAILED if any(statuses) else 0


async def _endings(
    client: Client, news: asyncio.Queue[News], waiting: dict[str, None], kind: Kind, out: Output
) -> AsyncIterator[Task]:
    # A workorder that ended before the answer may have left every figure as it was: look once without any news.
    concerned = list(waiting) if kind is Kind.WORKORDER else []
    while waiting:
        for task_id in concerned:
            task = await _look(client, task_id)
            if task is not None and task["state"] != "running":
                del waiting[task_id]
                yield task
        if waiting:
            concerned = _concerned(await news.get(), waiting, kind, out)


async def _look(client: Client, task_id: str) -> Task | None:
    """None while the service is away; all tasks are asked for when it is back."""
    try:
        return await client.get_task(task_id)
    except Absent:
        return None


def _concerned(news: News, waiting: Collection[str], kind: Kind, out: Output) -> list[str]:
    """Those that may have ended. No signal names a workorder, so every change of the figures asks for them all."""
    match news:
        case BatchEnded(id=task_id):
            return [task_id] if task_id in waiting else []
        case FiguresChanged():
            return list(waiting) if kind is Kind.WORKORDER else []
        case ServiceGone():
            out.talk(f"sd-taskpacker went away; waiting until it is back. {_goes_on(waiting)}")
            return []
        case ServiceCame():
            return list(waiting)
        case BusLost():
            raise Unreachable("The bus went away during the wait", hint=_goes_on(waiting))


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
