# SPDX-License-Identifier: LGPL-2.1-or-later
"""What travels for the queue: forecasts, reasons, history, and what a task's change tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from dbus_next import Variant

from sd_taskpacker.bus.text import bus_text
from sd_taskpacker.bus.wire import TASK_SIGNATURES, task_variant
from sd_taskpacker.engine.manager import PlanFormat, Trial
from sd_taskpacker.engine.ports import PastEvent
from sd_taskpacker.errors import InvalidArgs, LimitExceeded
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.task import Task, describe
from sd_taskpacker.plan.snapshot import Reason

CHANGE_KEYS: Final[Sequence[str]] = (
    "result",
    "exit_status",
    "signal",
    "message",
    "cpu_usec",
    "memory_peak",
    "submitted",
    "started",
    "ended",
    "promised",
    "retry_of",
)
"""The details of TaskChanged, each where it is known. The rest of a task does not change, and GetTask has it."""

MAX_PLAN: Final = (32 << 20) - 4096
"""Bytes; the rest is for the header. 32 MiB is what a dbus-daemon that nobody configured carries in one message
(max_message_size in dbus-daemon(1)), about 120,000 tasks as json."""


def change_to_wire(sequence: int, task: Task) -> tuple[int, str, str, dict[str, Variant]]:
    """`tssa{sv}`: TaskChanged's sequence, id, state and details."""
    shown = describe(task)
    details = {key: task_variant(key, shown[key]) for key in CHANGE_KEYS if key in shown}
    return sequence, str(task.id), str(task.state), details


def trials_to_wire(trials: Iterable[Trial]) -> list[list[Any]]:
    """`a(sstss)`: (id or name, verdict, start, code, text)."""
    return [
        [bus_text(each.label), str(each.forecast), each.start, bus_text(each.code), bus_text(each.text)]
        for each in trials
    ]


def reasons_to_wire(reasons: Iterable[Reason]) -> list[list[str]]:
    """`a(sss)`: (resource, verdict, reason)."""
    return [[bus_text(each.resource), str(each.verdict), bus_text(each.text)] for each in reasons]


def format_from(word: str) -> PlanFormat:
    """Raises InvalidArgs."""
    try:
        return PlanFormat(word)
    except ValueError:
        raise InvalidArgs(
            f"there is no plan in the format {excerpt(word)}", hint=f"use {', '.join(PlanFormat)}"
        ) from None


def plan_to_wire(plan: str, form: PlanFormat) -> str:
    """Raises LimitExceeded: the bus throws out whoever sends more than it carries."""
    text = bus_text(plan)
    size = len(text.encode())
    if size > MAX_PLAN:
        raise LimitExceeded(
            f"the plan as {form} has {size} bytes, the bus carries {MAX_PLAN}",
            hint="the format text is short however many tasks there are; ListTasks and ListEvents tell the rest",
        )
    return text


def events_to_wire(events: Iterable[PastEvent]) -> list[list[Any]]:
    """`a(ttssa{sv})`: (sequence, time, id, event, details)."""
    return [
        [
            each.sequence,
            each.time,
            bus_text(each.task),
            bus_text(each.event),
            {bus_text(key): _detail(key, data) for key, data in each.details.items()},
        ]
        for each in events
    ]


def _detail(key: str, data: str | int) -> Variant:
    """In the type that GetTask has for a key of that name; another one tells its own type."""
    if isinstance(data, str):
        return Variant("s", bus_text(data))
    if isinstance(data, bool):
        return Variant("b", data)
    known = TASK_SIGNATURES.get(key)
    return Variant(known if known in ("i", "t", "u") else "x" if data < 1 << 63 else "t", data)
