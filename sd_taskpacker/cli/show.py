# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is: tasks, and the service's own figures. Only asks, never changes anything."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.moments import parse_moment
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.states import MOST_LISTED, STATES
from sd_taskpacker.cli.text import age, rough_bytes, value
from sd_taskpacker.model.values import Value

_ORDER: Final = {"running": 0, "waiting": 1}

_TASK_HEADER: Final = ("ID", "KIND", "STATE", "MEMORY", "CPUS", "WHEN", "RESULT")

Task = Mapping[str, Any]


async def list_tasks(client: Client, options: Namespace, out: Output) -> int:
    tasks = await client.list_tasks(_filters(options, now()))
    whole = len(tasks) < MOST_LISTED
    if options.tag is not None:
        if not whole:
            out.talk(
                f"Only the newest {MOST_LISTED:,} tasks were searched for the tag; --root and --since narrow it."
            )
        found = [task for task in tasks if task.get("tag") == options.tag]
        tasks = found if options.lines is None else found[: options.lines]
    if out.json is not Json.OFF:
        out.document(tasks)
    elif tasks:
        at = now()
        rows = [_task_row(task, at) for task in sorted(tasks, key=_place)]
        out.table(_TASK_HEADER, rows, paint="STATE")
        _foot(len(tasks), out)
    else:
        out.talk("No tasks.")
    if options.tag is None and not whole:
        # Said to who reads JSON, too: it is not on stdout, and the list alone looks complete.
        out.talk(
            f"There may be more: the service lists {MOST_LISTED:,} tasks at most, the newest; --state, --root and "
            "--since narrow it, and taskpackerctl status counts all."
        )
    return 0


def _foot(tasks: int, out: Output) -> None:
    if out.legend:
        out.talk(f"{tasks:,} {'task' if tasks == 1 else 'tasks'} listed.")


def _filters(options: Namespace, at: int) -> dict[str, Value]:
    """Raises ValueError for a moment that is none; the command line has checked it."""
    # Whoever asks for what was before, asks for what has ended too.
    every = options.all or options.since is not None
    states = STATES if every and not options.state else tuple(options.state or ())
    filters: dict[str, Value] = {}
    if states:
        filters["state"] = Value("as", list(states))
    if options.root:
        filters["root"] = Value("s", options.root)
    if options.since is not None:
        filters["since"] = Value("t", parse_moment(options.since, at))
    # The service has no filter for a tag, so all that it tells is looked through.
    limit = MOST_LISTED if options.tag is not None or options.lines is None else options.lines
    filters["limit"] = Value("u", limit)
    return filters


def _place(task: Task) -> tuple[int, int]:
    """What runs, then what waits by its start, then what has ended; the newest first but for what waits."""
    if task["state"] == "waiting":
        return _ORDER["waiting"], task.get("promised", task["submitted"])
    return _ORDER.get(task["state"], 2), -int(task.get("ended", task.get("started", 0)))


def _task_row(task: Task, at: int) -> tuple[str, ...]:
    return (
        str(task["id"]),
        str(task["kind"]),
        str(task["state"]),
        rough_bytes(task["memory_max"]),
        str(task["cpus"]),
        _when(task, at),
        _result(task),
    )


def _when(task: Task, at: int) -> str:
    """Since when it is in its state; of one that waits, when it starts at the latest."""
    if task["state"] == "waiting":
        return f"within {age(task['promised'], at).removeprefix('in ')}" if "promised" in task else "-"
    key = "ended" if "ended" in task else "started"
    return age(task[key], at) if key in task else "-"


def _result(task: Task) -> str:
    if "signal" in task:
        return f"{task['result']} SIG{task['signal']}"
    return f"{task['result']} {task['exit_status']}" if task.get("exit_status") else str(task.get("result", "-"))


async def status(client: Client, options: Namespace, out: Output) -> int:
    if options.id:
        from sd_taskpacker.cli.story import task_status

        return await task_status(client, options.id, options.lines, out)
    from sd_taskpacker.cli.overview import overview

    return await overview(client, options.lines, out)


async def show(client: Client, options: Namespace, out: Output) -> int:
    """Raises NoSuchTask."""
    shown = await client.get_task(options.id) if options.id else await client.get_all()
    if options.property:
        shown = {name: shown[name] for name in options.property if name in shown}
    if out.json is not Json.OFF:
        out.document(shown)
    else:
        out.lines(_assignments(shown, bare=options.value))
    return 0


def _assignments(shown: Mapping[str, Any], *, bare: bool) -> Sequence[str]:
    return [value(data) if bare else f"{name}={value(data)}" for name, data in sorted(shown.items())]
