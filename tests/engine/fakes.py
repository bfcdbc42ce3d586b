# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recording edges. All of them write into one diary, so that a test can see what came before what."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence

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
from sd_taskpacker.engine.manager import Figures
from sd_taskpacker.engine.ports import (
    Budget,
    FoundUnit,
    ObservedUnit,
    PastEvent,
    Receipt,
    Remembered,
    StartRefused,
    StoreConflict,
    StoreDamaged,
    StoreError,
    TaskFilter,
)
from sd_taskpacker.errors import TaskpackerError, Unreachable, WrongState
from sd_taskpacker.model.deed import Deed, Permit
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.notices import Entry
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.serials import Serial
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Catalogue

_WORDS = {
    TaskQueued: "commit-queue",
    TaskStarted: "commit-start",
    TaskFound: "commit-found",
    TaskEnded: "commit-end",
    TaskAltered: "commit-alter",
}


class Diary(list[str]):
    def about(self, *words: str) -> list[str]:
        """The entries that begin with one of these words, in order."""
        return [entry for entry in self if entry.partition(" ")[0] in words]


class FakeStore:
    def __init__(self, diary: Diary, remembered: Remembered | None = None) -> None:
        self.diary = diary
        self.remembered = remembered or Remembered()
        self.history: dict[TaskId, Task] = {task.id: task for task in self.remembered.open}
        self.closed: list[TaskId] = []
        self.past: list[PastEvent] = []
        self.commits: list[list[Event]] = []
        self.fails = 0
        """So many commits and probes to come are refused."""
        self.conflicts: set[TaskId] = set()
        """Known to nobody, and there when a task of that id begins."""
        self.damaged = False
        """From now on nothing can be written or read, until it is renewed."""
        self.renewed: list[Remembered] = []
        self.cannot_renew = 0
        """So often there is no room for a new one."""
        self.forgettable = 1
        """Steps until nothing is left to forget."""
        self.old_names: list[str] = []

    def load(self) -> Remembered:
        return self.remembered

    def probe(self) -> None:
        if self.damaged:
            raise StoreDamaged("/state/state.sqlite: it is damaged")
        if self.fails:
            self.fails -= 1
            raise StoreError("/state/state.sqlite: disk full; free some space")

    def renew(self, whole: Remembered, events: Sequence[Event], now: int) -> list[int]:
        if self.cannot_renew:
            self.cannot_renew -= 1
            raise StoreError("/state/state.sqlite: disk full; free some space")
        self.damaged = False
        self.renewed.append(whole)
        self.diary.append("renew")
        return [self._remember(event) for event in events]

    def forget(self, *, before: int, keep: int, at_most: int) -> bool:
        self.diary.append(f"forget {before} {keep}")
        self.forgettable -= 1
        return self.forgettable > 0

    def forget_names(self, *, before: str, at_most: int) -> list[str]:
        self.diary.append(f"forget-names {before}")
        return self.old_names

    def commit(self, events: Sequence[Event]) -> list[int]:
        self.probe()
        self.commits.append(list(events))
        return [self._remember(event) for event in events]

    def _remember(self, event: Event) -> int:
        if isinstance(event, TaskQueued | TaskStarted) and event.task.id in self.conflicts:
            raise StoreConflict(event.task.id)
        match event:
            case TaskQueued(task) | TaskStarted(task) | TaskFound(task) | TaskEnded(task) | TaskAltered(task):
                self.history[task.id] = task
                self.diary.append(f"{_WORDS[type(event)]} {task.id}")
            case TaskPromised(task_id, start):
                self.history[task_id] = dataclasses.replace(self.history[task_id], promised_usec=start)
                self.diary.append(f"commit-promise {task_id}")
            case Drained() | Resumed():
                self.diary.append(f"commit-{type(event).__name__.lower()}")
            case TaskClosed(task_id):
                self.closed.append(task_id)
                self.diary.append(f"commit-close {task_id}")
            case TaskDropped(task_id):
                self.closed.remove(task_id)
                self.diary.append(f"commit-drop {task_id}")
            case RootDecommissioned(root) | RootRecommissioned(root):
                self.diary.append(f"commit-root {root}")
        line = PastEvent(sequence=len(self.past) + 1, time=0, task="", event=type(event).__name__, details={})
        self.past.append(line)
        return line.sequence

    def events(self, after: int, limit: int) -> list[PastEvent]:
        return self.past[after : after + limit if limit else None]

    def task(self, task_id: TaskId) -> Task | None:
        if self.damaged:
            raise StoreDamaged("/state/state.sqlite: it is damaged")
        return self.history.get(task_id)

    def tasks(self, wanted: TaskFilter) -> list[Task]:
        return [task for task in self.history.values() if task.state in wanted.states]

    def known(self, ids: Sequence[TaskId]) -> frozenset[TaskId]:
        return frozenset(ids) & self.history.keys()

    def surplus(self, name: str, *, keep_success: int, keep_failed: int) -> list[Task]:
        room = {TaskState.COMPLETE: keep_success, TaskState.FAILED: keep_failed}
        beyond = []
        for task in (self.history[task_id] for task_id in reversed(self.closed) if task_id.name == name):
            room[task.state] -= 1
            if room[task.state] < 0:
                beyond.append(task)
        return beyond


class FakeLauncher:
    """Units run until `end` is called."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.ended: Callable[[TaskId, str], None] = lambda task_id, note: None
        self.refuses: str | None = None
        self.observed: list[ObservedUnit] = []
        self.found: dict[TaskId, FoundUnit] = {}
        self.cannot_enforce: TaskpackerError | None = None
        self.nothing_to_kill = 0
        """So many kills find no process."""

    async def observe(self) -> list[ObservedUnit]:
        return self.observed

    async def inspect(self, task_id: TaskId) -> FoundUnit | None:
        return self.found.get(task_id)

    async def start(self, task: Task, output: int) -> None:
        assert output == FakeWorkdirs.DESCRIPTOR
        self.diary.append(f"start {task.id}")
        if self.refuses:
            raise StartRefused(self.refuses)

    async def adopt(self, task: Task) -> None:
        self.diary.append(f"adopt {task.id}")

    async def release(self, task_id: TaskId) -> None:
        self.diary.append(f"release {task_id}")

    async def kill(self, task_id: TaskId, signal: str) -> None:
        self.diary.append(f"kill {task_id} {signal}")
        if self.nothing_to_kill > 0:
            self.nothing_to_kill -= 1
            raise WrongState(f"{task_id} is not running")

    async def enforce(self, budget: Budget) -> None:
        if self.cannot_enforce:
            raise self.cannot_enforce
        self.diary.append(f"enforce {budget.memory}")


class FakeOutput:
    def __init__(self, diary: Diary, task: Task) -> None:
        self.diary = diary
        self.task = task

    def fileno(self) -> int:
        return FakeWorkdirs.DESCRIPTOR

    def close(self) -> None:
        self.diary.append(f"close-output {self.task.id}")


class FakeWorkdirs:
    DESCRIPTOR = 1234

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.prepare_error: Exception | None = None
        self.seal_error: Exception | None = None
        self.half_made: set[TaskId] = set()
        self.made: dict[str, Serial] = {}
        """Task name -> its newest directory."""

    def prepare(self, task: Task) -> FakeOutput:
        self.diary.append(f"prepare {task.id}")
        if self.prepare_error:
            raise self.prepare_error
        return FakeOutput(self.diary, task)

    def newest(self, root_directory: str, name: str) -> Serial | None:
        return self.made.get(name)

    def unused(self, task: Task) -> bool:
        return task.id in self.half_made

    def seal(self, task: Task) -> None:
        self.diary.append(f"seal {task.id}")
        if self.seal_error:
            raise self.seal_error

    def collect(self, task: Task) -> list[str]:
        self.diary.append(f"collect {task.id}")
        return []

    def remove(self, task: Task) -> list[str]:
        self.diary.append(f"remove {task.id}")
        return []


class FakeReceipts:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.box: dict[str, Receipt] = {}
        self.error: OSError | None = None
        self.discard_error: OSError | None = None

    def read(self, unit: str) -> Receipt | None:
        if self.error:
            raise self.error
        return self.box.get(unit)

    def discard(self, unit: str) -> None:
        self.diary.append(f"discard {unit}")
        if self.discard_error:
            raise self.discard_error
        self.box.pop(unit, None)


class FakeWitness:
    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.has_journal = True
        self.seen: set[str] = set()
        self.asked: list[str] = []
        """Units that `began` was asked about."""

    def began(self, unit: str) -> bool | None:
        self.asked.append(unit)
        return unit in self.seen if self.has_journal else None

    def spawn_error(self, unit: str) -> str | None:
        return self.errors.get(unit)


class FakeUnits:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.before_refresh: Callable[[], object] = lambda: None

    def refresh(self, *, force: bool = False) -> Catalogue:
        self.before_refresh()
        return self.catalogue


class FakeMachine:
    def __init__(self, budget: Budget) -> None:
        self.now = budget

    def budget(self) -> Budget:
        return self.now


class FakeSignals:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.figures: list[Figures] = []
        self.slots: list[tuple[int, int, int, int]] = []
        self.changes: list[tuple[int, Task]] = []
        self.bus_lost = False

    def batch_ended(self, task: Task, slots: tuple[int, int, int, int]) -> None:
        self.diary.append(f"signal {task.id} {task.outcome.result if task.outcome else ''}")
        self.slots.append(slots)

    async def sent(self) -> None:
        if self.bus_lost:
            raise Unreachable("the bus was lost")

    def task_changed(self, sequence: int, task: Task) -> None:
        self.diary.append(f"changed {task.id} {task.state}")
        self.changes.append((sequence, task))

    def figures_changed(self, figures: Figures) -> None:
        self.figures.append(figures)


class FakeCommands:
    """Files that systemd reads, and what writing one raises."""

    def __init__(self) -> None:
        self.files: set[TaskId] = set()
        self.error: Exception | None = None

    def write(self, task: Task) -> None:
        if self.error:
            raise self.error
        self.files.add(task.id)

    def remove(self, task_id: TaskId) -> None:
        self.files.discard(task_id)


class FakeJournal:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)

    @property
    def told(self) -> list[str]:
        return [entry.notice.name for entry in self.entries]


class FakeAuthority:
    """polkit, as a test has it decide."""

    def __init__(self) -> None:
        self.asked: list[Deed] = []
        self.permit = Permit.YES
        self.among = False
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    async def permits(self, caller: Caller, deed: Deed) -> Permit:
        self.asked.append(deed)
        if self.before_answer:
            await self.before_answer()
        return self.permit

    async def is_among(self, uid: int, users: Sequence[str], groups: Sequence[str]) -> bool:
        return self.among
