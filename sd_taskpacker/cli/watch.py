# SPDX-License-Identifier: LGPL-2.1-or-later
"""`watch`: a line for each change of a task. What came while the service was away is read from its history."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.link import Absent
from sd_taskpacker.bus.news import BatchEnded, BusLost, FiguresChanged, ServiceCame, ServiceGone, TaskChanged, TimeUp
from sd_taskpacker.bus.replies import PastEvent
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.text import timestamp
from sd_taskpacker.model.quantities import format_bytes, format_span

_STATES: Final = {"TaskQueued": "waiting", "TaskStarted": "running", "TaskFound": "running"}
"""Names of events and the state they bring, where that depends on nothing else."""
_TIMES: Final = ("ended", "started", "submitted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What `watch --json` prints, one object a line: `sequence` as in TaskChanged and ListEvents, `time` in usec of
    CLOCK_REALTIME, and `details` under the names that GetTask uses."""

    sequence: int
    time: int
    id: str
    state: str
    details: dict[str, Any]


async def watch(client: Client, options: Namespace, out: Output) -> int:
    """Until Ctrl-C. Raises Unreachable when the bus is lost and stays away."""
    async for change in _changes(client, out):
        if out.json is Json.OFF:
            out.lines([_line(change)])
        else:
            out.document(asdict(change))
    return 0


async def _changes(client: Client, out: Output) -> AsyncIterator[Change]:
    queue = await client.watch()
    last = await last_sequence(client)
    read: set[int] = set()
    """Sequence numbers that history has told and a signal may tell once more."""
    while True:
        match await queue.get():
            case TaskChanged(sequence=sequence) as news if sequence not in read:
                last = sequence
                yield _of_news(news, now())
            case ServiceGone():
                out.talk("sd-taskpacker went away; waiting until it is back.")
            case ServiceCame():
                read = set()
                async for event in _missed(client, last):
                    last = event.sequence
                    read.add(last)
                    if change := _of_event(event):
                        yield change
                out.talk("sd-taskpacker is back.")
            case BusLost():
                out.talk("The bus went away; waiting until it is back.")
                await client.reconnect()
                queue.put_nowait(ServiceCame())
            case TaskChanged() | FiguresChanged() | BatchEnded() | TimeUp():
                pass


async def last_sequence(client: Client) -> int:
    """The number of the newest event, 0 before the first. There is no call for it, so it is narrowed down: some
    dozens of small calls, however long the history is."""
    if not await client.list_events(0, 1):
        return 0
    there, beyond = 0, 1
    while await client.list_events(beyond, 1):
        there, beyond = beyond, 2 * beyond
    while beyond - there > 1:
        middle = (there + beyond) // 2
        if await client.list_events(middle, 1):
            there = middle
        else:
            beyond = middle
    return beyond


async def _missed(client: Client, after: int) -> AsyncIterator[PastEvent]:
    try:
        while events := await client.list_events(after):
            for event in events:
                yield event
            after = events[-1].sequence
    except Absent:
        return  # It left again; the rest is read when it is back.


def _of_news(news: TaskChanged, at: int) -> Change:
    time = next((news.details[key] for key in _TIMES if key in news.details), at)
    return Change(sequence=news.sequence, time=int(time), id=news.id, state=news.state, details=news.details)


def _of_event(event: PastEvent) -> Change | None:
    """None for what is no new state of a task."""
    if event.event == "TaskEnded":
        state = "complete" if event.details.get("result") == "success" else "failed"
    elif event.event == "TaskAltered":
        state = "running" if "started" in event.details else "waiting"
    elif event.event in _STATES:
        state = _STATES[event.event]
    else:
        return None
    return Change(sequence=event.sequence, time=event.time, id=event.id, state=state, details=event.details)


def _line(change: Change) -> str:
    details = (_word(key, data, change.state) for key, data in change.details.items())
    words = (
        timestamp(change.time) if change.time else "-",
        f"{change.state:<8}",
        change.id,
        " ".join(filter(None, details)),
    )
    return "  ".join(filter(None, words))


def _word(key: str, data: Any, state: str) -> str:
    match key:
        case "promised" if state == "waiting":
            return f"by {timestamp(data)}"
        case "result" if data != "success":
            return str(data)
        case "exit_status" if data:
            return f"status {data}"
        case "signal":
            return f"SIG{data}"
        case "message":
            return str(data)
        case "cpu_usec":
            return f"cpu={format_span(data // 1000 * 1000)}"
        case "memory_peak":
            return f"memory={format_bytes(data // 1024 * 1024)}"
        case "retry_of":
            return f"retry of {data}"
        case _:
            return ""
