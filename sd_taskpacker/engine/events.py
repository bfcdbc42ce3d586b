# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened. Stored: a change to a class here needs a new schema version in `host.store`."""

from __future__ import annotations

from dataclasses import dataclass

from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task


@dataclass(frozen=True, slots=True)
class TaskQueued:
    """Accepted, and waits."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskAltered:
    """Somebody changed its priority, deadline or size while it waits, or killed it so that it is not to be tried
    again; `task` is what it is now."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskPromised:
    """It waits, and the plan has a place for it: it starts at `start` (usec) or earlier."""

    id: TaskId
    start: int


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The decision to run it, at once or after it waited; the launch follows the commit."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskFound:
    """systemd runs it and we knew nothing of it: the store that knew was damaged or removed. `task` is what systemd
    tells."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """`task` already carries its outcome."""

    task: Task


@dataclass(frozen=True, slots=True)
class TaskClosed:
    """Its end was announced and its work directory collected; nothing is left to do."""

    id: TaskId


@dataclass(frozen=True, slots=True)
class TaskDropped:
    """Its directory was removed by retention; history keeps the record."""

    id: TaskId


@dataclass(frozen=True, slots=True)
class RootDecommissioned:
    root: str


@dataclass(frozen=True, slots=True)
class RootRecommissioned:
    root: str


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing further is started."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Drained taken back."""


Event = (
    TaskQueued
    | TaskAltered
    | TaskPromised
    | TaskStarted
    | TaskFound
    | TaskEnded
    | TaskClosed
    | TaskDropped
    | RootDecommissioned
    | RootRecommissioned
    | Drained
    | Resumed
)
