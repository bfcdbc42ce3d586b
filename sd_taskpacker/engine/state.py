# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the engine knows. Only `apply` changes it, and every change can be undone until it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from sd_taskpacker.engine.events import (
    Event,
    RootDecommissioned,
    RootRecommissioned,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskStarted,
)
from sd_taskpacker.engine.ports import Budget, Figures, Remembered
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource
from sd_taskpacker.model.serials import Serial, after, parse
from sd_taskpacker.model.task import DEFAULT_EXPECTED_USEC, Task
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.slots import Slots, estimated_slots
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot

Undo = Callable[[], None]

_K = TypeVar("_K")
_V = TypeVar("_V")


class State:
    def __init__(self, remembered: Remembered, budget: Budget) -> None:
        self.budget = budget
        self._open = {task.id: task for task in remembered.open}
        self._leases = {task.id: _lease(task) for task in remembered.open if task.outcome is None}
        self._serials = dict(remembered.serials)
        self._decommissioned = set(remembered.decommissioned)

    def apply(self, event: Event) -> Undo:
        """Answers what takes the change back, for the case that the store could not remember it."""
        match event:
            case TaskStarted(task):
                return self._start(task)
            case TaskEnded(task):
                return _both(_swap(self._open, task.id, task), _swap(self._leases, task.id, None))
            case TaskClosed(task_id):
                return _swap(self._open, task_id, None)
            case TaskDropped():
                return lambda: None
            case RootDecommissioned(root):
                was = root in self._decommissioned
                self._decommissioned.add(root)
                return lambda: None if was else self._decommissioned.discard(root)
            case RootRecommissioned(root):
                was = root in self._decommissioned
                self._decommissioned.discard(root)
                return lambda: self._decommissioned.add(root) if was else None

    def task(self, task_id: TaskId) -> Task | None:
        """An open one: running, or ended and not yet closed."""
        return self._open.get(task_id)

    def open_tasks(self) -> list[Task]:
        return list(self._open.values())

    def running(self) -> Iterator[Task]:
        return (task for task in self._open.values() if task.outcome is None)

    def is_decommissioned(self, root: str) -> bool:
        return root in self._decommissioned

    def serial(self, name: str) -> Serial | None:
        """The newest day on which the name was used, and that day's next number."""
        return self._serials.get(name)

    def plan(self, now: int, waiting: Iterable[Candidate] = ()) -> Plan:
        return plan(
            Snapshot(
                now=now,
                resources=(
                    Resource(MEMORY, self.budget.memory // CHUNK_BYTES),
                    Resource(CPU, self.budget.cpus),
                ),
                leases=tuple(self._leases.values()),
                waiting=tuple(waiting),
            )
        )

    def slots(self, now: int) -> Slots:
        return estimated_slots(self.plan(now).free)

    def figures(self, now: int, roots: Iterable[str]) -> Figures:
        """`roots`: names of the units that are started with the daemon."""
        free = self.plan(now).free
        running = list(self.running())
        return Figures(
            memory_budget=self.budget.memory,
            chunks_total=self.budget.memory // CHUNK_BYTES,
            chunks_free=free[MEMORY],
            cpus_total=self.budget.cpus,
            cpus_free=free[CPU],
            slots=estimated_slots(free),
            running=len(running),
            queued=0,
            roots=tuple(sorted({*roots, *(task.id.root for task in running)})),
        )

    def _start(self, task: Task) -> Undo:
        return _both(
            _both(_swap(self._open, task.id, task), _swap(self._leases, task.id, _lease(task))),
            _swap(self._serials, task.id.name, after(self.serial(task.id.name), parse(task.id.version))),
        )


def _lease(task: Task) -> Lease:
    duration = task.expected_usec or DEFAULT_EXPECTED_USEC
    return Lease(owner=str(task.id), claims=task.claims, start=task.started_usec, end=task.started_usec + duration)


def _put(held: dict[_K, _V], key: _K, value: _V | None) -> None:
    """Sets the key, or removes it for None."""
    if value is None:
        held.pop(key, None)
    else:
        held[key] = value


def _swap(held: dict[_K, _V], key: _K, value: _V | None) -> Undo:
    before = held.get(key)
    _put(held, key, value)
    return lambda: _put(held, key, before)


def _both(first: Undo, second: Undo) -> Undo:
    def undo() -> None:
        second()
        first()

    return undo
