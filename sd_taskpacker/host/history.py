# SPDX-License-Identifier: LGPL-2.1-or-later
"""An event as a line of history: whom it is about, when it was, and its details under the names that GetTask uses."""

from __future__ import annotations

from sd_taskpacker.engine.events import (
    Drained,
    Event,
    Resumed,
    RootDecommissioned,
    RootRecommissioned,
    TaskAltered,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskFound,
    TaskPromised,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.model.task import Task, describe

Details = dict[str, str | int]

_ASKED = ("priority", "chunks", "cpus", "deadline", "retry_of")
_ENDED = ("result", "exit_status", "signal", "message", "cpu_usec", "memory_peak")


def subject(event: Event) -> str:
    """The task's id; empty when it is about none."""
    match event:
        case TaskQueued(task) | TaskAltered(task) | TaskStarted(task) | TaskFound(task) | TaskEnded(task):
            return str(task.id)
        case TaskPromised(task_id, _) | TaskClosed(task_id) | TaskDropped(task_id):
            return str(task_id)
        case RootDecommissioned() | RootRecommissioned() | Drained() | Resumed():
            return ""


def moment(event: Event) -> int | None:
    """usec; None for those that carry no time."""
    match event:
        case TaskQueued(task):
            return task.submitted_usec
        case TaskStarted(task) | TaskFound(task):
            return task.started_usec
        case TaskEnded(task):
            return task.outcome.ended_usec if task.outcome else None
        case _:
            return None


def details(event: Event) -> Details:
    match event:
        case TaskQueued(task):
            return _some(task, _ASKED)
        case TaskAltered(task):
            # What runs can be altered, too: it is killed for good, or the clock is set.
            return _some(task, (*_ASKED, "started"))
        case TaskEnded(task):
            return _some(task, _ENDED)
        case TaskPromised(_, start):
            return {"promised": start}
        case RootDecommissioned(root) | RootRecommissioned(root):
            return {"root": root}
        case _:
            return {}


def _some(task: Task, keys: tuple[str, ...]) -> Details:
    shown = describe(task)
    return {key: shown[key] for key in keys if key in shown}
