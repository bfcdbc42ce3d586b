# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the engine knows. Only `apply` changes it, and every change can be undone until it is committed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

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
from sd_taskpacker.engine.line import Line
from sd_taskpacker.engine.manager import Figures
from sd_taskpacker.engine.ports import Budget, Remembered
from sd_taskpacker.model.learning import expected, lasted, learn, run_time
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource, unit_resource
from sd_taskpacker.model.serials import Serial, after, parse
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.accuracy import Accuracy
from sd_taskpacker.plan.pace import Pace
from sd_taskpacker.plan.planner import starts
from sd_taskpacker.plan.slots import Slots, estimated_slots
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot
from sd_taskpacker.plan.steady import steady_starts

Undo = Callable[[], None]

FEW: Final = 40
"""So many who wait are looked at one by one."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class State:
    def __init__(self, remembered: Remembered, budget: Budget) -> None:
        self.budget = budget
        self.draining = remembered.drained
        self.accuracy = Accuracy()
        self.pace = Pace()
        for took, thought in remembered.runs:
            self.accuracy = self.accuracy.after(took, thought)
            self.pace = self.pace.joined(thought)
        self.line = Line(self.expected, self.has_learnt)
        self._open = {task.id: task for task in remembered.open}
        self._limited = {task.id: task for task in remembered.open if task.max_running is not None}
        self._learnt = dict(remembered.learnt)
        self._leases = {task.id: self._lease(task) for task in remembered.open if task.state is TaskState.RUNNING}
        self._serials = dict(remembered.serials)
        self._decommissioned = set(remembered.decommissioned)
        for task in remembered.open:
            if task.state is TaskState.WAITING:
                self.line.put(task)

    def apply(self, event: Event) -> Undo:
        """Answers what takes the change back, for the case that the store could not remember it."""
        match event:
            case TaskQueued(task):
                return _all(self._join(task), self._hold(task), self._count(task.id))
            case TaskStarted(task):
                return _all(
                    self._join(task),
                    self._hold(task),
                    self._count(task.id),
                    _swap(self._leases, task.id, self._lease(task)),
                )
            case TaskFound(task):
                return _all(self._hold(task), self._count(task.id), _swap(self._leases, task.id, self._lease(task)))
            case TaskEnded(task):
                return _all(
                    self._compare(task), self._hold(task), _swap(self._leases, task.id, None), self._learn(task)
                )
            case TaskAltered(task):
                return _all(self._hold(task), self._move(task))
            case TaskPromised(task_id, start):
                return self._promise(task_id, start)
            case TaskClosed(task_id):
                return _all(
                    _swap(self._open, task_id, None),
                    _swap(self._limited, task_id, None),
                    _swap(self._leases, task_id, None),
                )
            case TaskDropped():
                return lambda: None
            case RootDecommissioned(root) | RootRecommissioned(root):
                return self._decommission(root, is_now=isinstance(event, RootDecommissioned))
            case Drained() | Resumed():
                return self._drain(isinstance(event, Drained))

    def remembered(self) -> Remembered:
        """All of it that a store has to hold; how accurate expected times were lately it learns anew."""
        return Remembered(
            open=tuple(self._open.values()),
            serials=dict(self._serials),
            decommissioned=frozenset(self._decommissioned),
            drained=self.draining,
            learnt=dict(self._learnt),
        )

    def task(self, task_id: TaskId) -> Task | None:
        """An open one: waiting, running, or ended and not yet closed."""
        return self._open.get(task_id)

    def open_tasks(self) -> list[Task]:
        return list(self._open.values())

    @property
    def is_idle(self) -> bool:
        """Nothing waits, runs or is still to be closed."""
        return not self._open

    def running(self) -> Iterator[Task]:
        return (self._open[task_id] for task_id in self._leases)

    def is_decommissioned(self, root: str) -> bool:
        return root in self._decommissioned

    def serial(self, name: str) -> Serial | None:
        """The newest day on which the name was used, and that day's next number."""
        return self._serials.get(name)

    def skip(self, task_id: TaskId) -> None:
        """That version is taken, by something that is not known here."""
        self._count(task_id)

    def expected(self, name: str) -> int:
        """How long (usec) a task of that name takes when nobody says how long."""
        return expected(self._learnt.get(name, ()))

    def forget_names(self, names: Iterable[str], before: str) -> None:
        """What a store has forgotten; but not of who was used again meanwhile, on the day `before` or later."""
        for name in names:
            serial = self._serials.get(name)
            if serial is None or serial[0] < before:
                self._serials.pop(name, None)
                self._learnt.pop(name, None)

    def has_learnt(self, name: str) -> bool:
        """Whether earlier runs tell that; else it is assumed."""
        return name in self._learnt

    def capacity(self) -> dict[str, int]:
        """Of each resource. A unit whose MaxRunning= was changed has what its newest task says."""
        capacity = self._budget()
        for task in self._limited.values():
            if task.max_running is not None and task.outcome is None:
                capacity[unit_resource(task.unit)] = task.max_running
        return capacity

    def free(self, capacity: Mapping[str, int]) -> dict[str, int]:
        """What runs leaves of it; never below zero."""
        left = dict(capacity)
        for lease in self._leases.values():
            for name, amount in lease.claims.items():
                left[name] = left.get(name, 0) - amount
        return {name: max(0, amount) for name, amount in left.items()}

    def starts(
        self,
        now: int,
        besides: Sequence[Candidate] = (),
        *,
        limits: dict[str, int] | None = None,
        without: str | None = None,
    ) -> Plan:
        """Who starts now, what is promised, who is refused; not where everybody else comes. `besides`: those who want
        to join what waits; `limits`: capacities that they bring along, of their units; `without`: the key of one
        that waits and is left out."""
        if self.is_steady and not besides and without is None:
            return steady_starts(self._snapshot(now, (), self.capacity()), self.line.standing, self.expected)
        return starts(self.snapshot(now, besides, limits=limits, without=without))

    @property
    def is_steady(self) -> bool:
        """Many wait, and nobody of them is new: who starts is found without looking at each."""
        return len(self.line) > FEW and not self.line.standing.has_new

    def snapshot(
        self,
        now: int,
        besides: Sequence[Candidate] = (),
        *,
        limits: dict[str, int] | None = None,
        without: str | None = None,
    ) -> Snapshot:
        """All that a planner may see; the arguments are those of `starts`."""
        waiting = self.line.candidates()
        if without is not None:
            waiting = [candidate for candidate in waiting if candidate.key != without]
        return self._snapshot(now, (*waiting, *besides), self.capacity() | (limits or {}))

    def _snapshot(self, now: int, waiting: tuple[Candidate, ...], capacity: Mapping[str, int]) -> Snapshot:
        return Snapshot(
            now=now,
            resources=tuple(Resource(name, amount) for name, amount in capacity.items()),
            leases=tuple(self._leases.values()),
            waiting=waiting,
            accuracy=self.accuracy.value,
            pace=self.pace.value(self.accuracy.value, now),
        )

    def is_behind(self, backlog: float, now: int) -> None:
        """Takes note of how much there is to do, in seconds of the whole machine, as declared."""
        self.pace = self.pace.behind(backlog * self.accuracy.value, now)

    def slots(self) -> Slots:
        return estimated_slots(self.free(self._budget()))

    def figures(self, roots: Iterable[str]) -> Figures:
        """`roots`: names of the units that are started with the daemon."""
        free = self.free(self._budget())
        running = list(self.running())
        return Figures(
            memory_budget=self.budget.memory,
            not_enforced=self.budget.not_enforced,
            chunks_total=self.budget.memory // CHUNK_BYTES,
            chunks_free=free[MEMORY],
            cpus_total=self.budget.cpus,
            cpus_free=free[CPU],
            slots=estimated_slots(free),
            running=len(running),
            queued=len(self.line),
            draining=self.draining,
            roots=tuple(sorted({*roots, *(task.id.root for task in running)})),
            decommissioned=tuple(sorted(self._decommissioned)),
        )

    def _budget(self) -> dict[str, int]:
        return {MEMORY: self.budget.memory // CHUNK_BYTES, CPU: self.budget.cpus}

    def _lease(self, task: Task) -> Lease:
        duration = task.expected_usec or self.expected(task.id.name)
        return Lease(
            owner=str(task.id), claims=task.claims, start=task.started_usec, end=task.started_usec + duration
        )

    def _hold(self, task: Task) -> Undo:
        """Among the open ones, and in line exactly while it waits."""
        before = self._open.get(task.id)
        self._set(task.id, task)
        return lambda: self._set(task.id, before)

    def _move(self, task: Task) -> Undo:
        """The lease of a running task begins when the task says that it did; it keeps its length."""
        lease = self._leases.get(task.id)
        if lease is None:
            return lambda: None
        by = task.started_usec - lease.start
        moved = dataclasses.replace(lease, start=lease.start + by, end=lease.end + by)
        return _swap(self._leases, task.id, moved)

    def _promise(self, task_id: TaskId, start: int) -> Undo:
        task = self._open.get(task_id)
        return (lambda: None) if task is None else self._hold(dataclasses.replace(task, promised_usec=start))

    def _set(self, task_id: TaskId, task: Task | None) -> None:
        _put(self._open, task_id, task)
        _put(self._limited, task_id, None if task is None or task.max_running is None else task)
        if task is not None and task.state is TaskState.WAITING:
            self.line.put(task)
        else:
            self.line.remove(task_id)

    def _count(self, task_id: TaskId) -> Undo:
        name = task_id.name
        return _swap(self._serials, name, after(self.serial(name), parse(task_id.version)))

    def _learn(self, task: Task) -> Undo:
        took, name = run_time(task), task.id.name
        if took is None:
            return lambda: None
        return _swap(self._learnt, name, learn(self._learnt.get(name, ()), took))

    def _join(self, task: Task) -> Undo:
        """Counts how long it is expected to take, once: it may wait before it starts."""
        before = self.pace
        if task.kind is Kind.BATCH and task.id not in self._open:
            self.pace = before.joined(task.expected_usec or self.expected(task.id.name))

        def undo() -> None:
            self.pace = before

        return undo

    def _compare(self, task: Task) -> Undo:
        """How long it was thought to run when it started, with how long it did."""
        took, lease = lasted(task), self._leases.get(task.id)
        before = self.accuracy
        if took is not None and lease is not None:
            self.accuracy = before.after(took, lease.end - lease.start)

        def undo() -> None:
            self.accuracy = before

        return undo

    def _decommission(self, root: str, *, is_now: bool) -> Undo:
        was = root in self._decommissioned
        change, back = self._decommissioned.add, self._decommissioned.discard
        if not is_now:
            change, back = back, change
        change(root)
        return lambda: back(root) if was is not is_now else None

    def _drain(self, is_now: bool) -> Undo:
        was, self.draining = self.draining, is_now

        def undo() -> None:
            self.draining = was

        return undo


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


def _all(*undos: Undo) -> Undo:
    """Takes back the last change first."""

    def undo() -> None:
        for each in reversed(undos):
            each()

    return undo
