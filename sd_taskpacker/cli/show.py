# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is: tasks, units, the service and its budget. Only asks, never changes anything."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.text import timestamp, value
from sd_taskpacker.model.quantities import SIZES, format_bytes, format_span
from sd_taskpacker.model.values import Value

NOT_RUNNING: Final = 3
"""As systemctl status of a unit that is not active."""
STATES: Final = ("waiting", "running", "complete", "failed")

_TASK_HEADER: Final = ("ID", "KIND", "STATE", "MEMORY", "CPUS", "START", "RESULT")

Task = Mapping[str, Any]


async def list_tasks(client: Client, options: Namespace, out: Output) -> int:
    states = STATES if options.all and not options.state else tuple(options.state or ())
    filters: dict[str, Value] = {}
    if states:
        filters["state"] = Value("as", list(states))
    if options.root:
        filters["root"] = Value("s", options.root)
    if options.lines is not None:
        filters["limit"] = Value("u", options.lines)
    tasks = await client.list_tasks(filters)
    if out.json is not Json.OFF:
        out.document(tasks)
    else:
        _task_table(tasks, out)
    return 0


def _task_table(tasks: Sequence[Task], out: Output) -> None:
    if not tasks:
        out.talk("No tasks.")
        return
    out.table(_TASK_HEADER, [_task_row(task) for task in tasks], paint="STATE")


def _task_row(task: Task) -> tuple[str, ...]:
    return (
        str(task["id"]),
        str(task["kind"]),
        str(task["state"]),
        format_bytes(task["memory_max"]),
        str(task["cpus"]),
        _start(task),
        str(task.get("result", "-")),
    )


def _start(task: Task) -> str:
    """Of one that waits: the latest it was promised."""
    if "started" in task:
        return timestamp(task["started"])
    return f"by {timestamp(task['promised'])}" if task["state"] == "waiting" and "promised" in task else "-"


async def status(client: Client, options: Namespace, out: Output) -> int:
    if options.id:
        return await _task_status(client, options.id, out)
    figures = await client.get_all()
    tasks = await client.list_tasks({} if options.lines is None else {"limit": Value("u", options.lines)})
    if out.json is not Json.OFF:
        out.document({"properties": figures, "tasks": tasks})
        return 0
    out.fields(list(_figures(figures)))
    if tasks:
        out.lines([""])
        _task_table(tasks, out)
    return 0


def _figures(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    total, free = figures["ChunksTotal"], figures["ChunksFree"]
    slots = zip(SIZES, figures["EstimatedSlotsRemaining"], strict=False)
    yield "Version", str(figures["Version"])
    yield "Memory", f"{format_bytes(figures['MemoryBudget'])} in {total} chunks of 32M, {free} free"
    yield "CPUs", f"{figures['CPUsTotal']}, {figures['CPUsFree']} free"
    if figures.get("NotEnforced"):
        yield "Not enforced", ", ".join(figures["NotEnforced"])
    yield "Room for", ", ".join(f"{count} {size}" for size, count in slots)
    drained = "; drained: nothing further starts" if figures["Draining"] else ""
    yield "Tasks", f"{figures['NRunning']} running, {figures['NQueued']} waiting{drained}"
    yield "Roots", value(figures["Roots"]) or "none"


async def _task_status(client: Client, task_id: str, out: Output) -> int:
    task = await client.get_task(task_id)
    if out.json is not Json.OFF:
        out.document(task)
    else:
        out.fields(list(_task_fields(task)))
    return 0 if task["state"] == "running" else NOT_RUNNING


def _task_fields(task: Task) -> Iterator[tuple[str, str]]:
    yield "Task", " - ".join(filter(None, (task["id"], task.get("description"))))
    yield "State", _state(task)
    yield "Unit", f"{task['unit']}.{task['kind']}, run as {task['systemd_unit']}"
    yield "Command", value(task["argv"])
    for name, given in sorted(task["parameters"].items()):
        yield "Parameter", f"{name}={value(given)}"
    yield "Memory", _memory(task)
    yield "CPUs", str(task["cpus"])
    if "cpu_usec" in task:
        yield "CPU time", format_span(task["cpu_usec"])
    yield "Priority", str(task["priority"])
    yield "Submitted", f"{timestamp(task['submitted'])} by UID {task['uid']}"
    yield "Start" if task["state"] == "waiting" else "Started", _start(task)
    if "ended" in task:
        yield "Ended", _ended(task)
    if "deadline" in task:
        yield "Deadline", timestamp(task["deadline"])
    if "expected" in task:
        yield "Expected", format_span(task["expected"])
    if "retry_of" in task:
        yield "Retry of", str(task["retry_of"])
    if "retries" in task:
        yield "Retries", f"{task['retries']} left"
    if "tag" in task:
        yield "Tag", str(task["tag"])
    yield "Results", f"{task['directory']}/results"


def _state(task: Task) -> str:
    details = [str(task["result"])] if task.get("result", "success") != "success" else []
    if "exit_status" in task:
        details.append(f"status {task['exit_status']}")
    if "signal" in task:
        details.append(f"SIG{task['signal']}")
    details += filter(None, [task.get("message")])
    return f"{task['state']} ({', '.join(details)})" if details else str(task["state"])


def _ended(task: Task) -> str:
    took = f" after {format_span(max(0, task['ended'] - task['started']))}" if "started" in task else ""
    return timestamp(task["ended"]) + took


def _memory(task: Task) -> str:
    limit = f"{format_bytes(task['memory_max'])} at most"
    return f"{limit}, peak {format_bytes(task['memory_peak'])}" if "memory_peak" in task else limit


async def list_units(client: Client, options: Namespace, out: Output) -> int:
    units = await client.list_units()
    # Asked for every unit: one that is refused now may still be loaded as it was, and a used one may have warnings.
    problems = [await client.get_unit_problems(f"{unit.name}.{unit.kind}") for unit in units]
    if out.json is not Json.OFF:
        pairs = zip(units, problems, strict=True)
        out.document([asdict(unit) | {"problems": [asdict(each) for each in found]} for unit, found in pairs])
        return 0
    if units:
        rows = [(unit.name, unit.kind, value(unit.loaded), unit.path, unit.description or "-") for unit in units]
        out.table(("UNIT", "KIND", "LOADED", "PATH", "DESCRIPTION"), rows, paint="LOADED")
    else:
        out.talk("No units. Put NAME.batch or NAME.workorder files into /etc/sd-taskpacker/units.")
    for problem in chain.from_iterable(problems):
        out.warn(str(problem))
    return 0


async def show(client: Client, options: Namespace, out: Output) -> int:
    figures = await client.get_all()
    if out.json is not Json.OFF:
        out.document(figures)
    else:
        out.lines([f"{name}={value(data)}" for name, data in sorted(figures.items())])
    return 0
