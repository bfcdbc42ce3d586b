# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service, as `bus` sees it: what is asked of it, what it answers, and what it tells unasked.

Manager is asyncio. Signals are called on the loop and must not block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sd_taskpacker.engine.ports import PastEvent, TaskFilter
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Catalogue
from sd_taskpacker.model.values import Value
from sd_taskpacker.plan.snapshot import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The Manager's properties."""

    memory_budget: int
    not_enforced: tuple[str, ...] = ()
    """As in Budget."""
    chunks_total: int
    chunks_free: int
    cpus_total: int
    cpus_free: int
    slots: tuple[int, int, int, int]
    running: int
    queued: int
    draining: bool
    roots: tuple[str, ...]
    decommissioned: tuple[str, ...] = ()
    """Roots in which nothing further executes."""
    trouble: str = ""
    """What keeps the service from working as it should at the moment, and what to do; empty when all is well."""


class Signals(Protocol):
    def batch_ended(self, task: Task, slots: tuple[int, int, int, int]) -> None:
        """BatchComplete or BatchFailed, by the task's outcome."""

    async def sent(self) -> None:
        """Returns when all that was told so far has left, and is told whatever becomes of us. Raises Unreachable when
        the bus is lost before."""

    def task_changed(self, sequence: int, task: Task) -> None:
        """TaskChanged: it is now in the state that `task` tells."""

    def figures_changed(self, figures: Figures) -> None:
        """PropertiesChanged for what differs from the last call; also the service's status line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One entry of BatchSubmit's or BatchQueue's reply."""

    started: tuple[str, ...]
    """Ids: of what started, and with BatchQueue of what waits too."""
    rejected: tuple[str, ...]
    """Names, `NAME?param=value` for a fan-out instance."""


class Forecast(StrEnum):
    NOW = "now"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One instance in BatchTest's reply."""

    label: str
    """As a rejection would be called."""
    forecast: Forecast
    start: int
    """usec: the start that is promised, now included; 0 for never."""
    code: str
    """A word for programs: `fits`, a resource's name, `deadline`, `drained`, ..."""
    text: str


class PlanFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SVG = "svg"
    HTML = "html"


class Manager(Protocol):
    """What the bus's Manager interface forwards to. Raises TaskpackerError."""

    async def batch_submit(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]: ...

    async def batch_queue(self, caller: Caller, requests: Sequence[Request]) -> list[Answer]: ...

    async def batch_test(self, caller: Caller, requests: Sequence[Request]) -> list[Trial]:
        """What BatchQueue would answer, an instance at a time; nothing is done."""

    async def cancel(self, caller: Caller, task_id: str) -> None: ...

    async def set_task_properties(self, caller: Caller, task_id: str, properties: Mapping[str, Value]) -> None: ...

    async def drain(self, caller: Caller) -> None: ...

    async def resume(self, caller: Caller) -> None: ...

    async def explain(self, task_id: str) -> list[Reason]:
        """Never empty for a task that waits."""

    async def get_plan(self, form: PlanFormat) -> str: ...

    async def list_events(self, after: int, limit: int) -> list[PastEvent]: ...

    async def workorder_start(self, caller: Caller, requests: Sequence[Request]) -> list[str]: ...

    async def kill(self, caller: Caller, task_id: str, signal: str) -> None: ...

    async def decommission(self, caller: Caller, root: str) -> None: ...

    async def recommission(self, caller: Caller, root: str) -> None: ...

    async def reload(self, caller: Caller) -> None: ...

    async def list_tasks(self, wanted: TaskFilter) -> list[Task]: ...

    async def get_task(self, task_id: str) -> Task: ...

    async def catalogue(self) -> Catalogue: ...

    def open_tasks(self) -> list[Task]:
        """Waiting, or started and not yet closed: those that have an object on the bus."""

    def figures(self) -> Figures: ...
