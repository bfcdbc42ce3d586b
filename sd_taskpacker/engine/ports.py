# SPDX-License-Identifier: LGPL-2.1-or-later
"""The edges, as the engine sees them. `host` and `bus` implement these; tests replace them to inject faults.

Store, Workdirs, Receipts, Witness, Units and Machine block; the loop calls them in a thread, one call of each
at a time unless said otherwise. Launcher is asyncio. Journal is called on the loop and must not block. What the
service itself is asked is in `manager`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sd_taskpacker.engine.events import Event
from sd_taskpacker.model.deed import Deed, Permit
from sd_taskpacker.model.learning import Runs
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.notices import Entry
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.serials import Serial
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Catalogue, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What tasks may use in all. `memory` in bytes. `source` tells a person where the number comes from."""

    memory: int
    cpus: int
    """Whole ones, by which tasks are packed."""
    cpu_usec: int | None = None
    """CPU time that all tasks together may have in each second, where a quota says it; None is that of `cpus`."""
    source: str = ""
    not_enforced: tuple[str, ...] = ()
    """`memory`, `cpu`: what tasks are packed by but the kernel does not hold them to, for want of a controller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the store knows at start."""

    open: tuple[Task, ...] = ()
    """Waiting, started, or ended and not yet closed."""
    serials: dict[str, Serial] = field(default_factory=dict)
    """Task name -> the newest day on which it was used, and that day's next number."""
    decommissioned: frozenset[str] = frozenset()
    drained: bool = False
    learnt: dict[str, Runs] = field(default_factory=dict)
    """Task name -> how long those of its runs took that succeeded lately."""
    runs: tuple[tuple[int, int], ...] = ()
    """How long the last batch runs took, and how long they were expected to (usec each), the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """ListTasks. `since` in usec; a `limit` of 0 means the store's own limit."""

    states: frozenset[TaskState] = frozenset()
    root: str | None = None
    kind: Kind | None = None
    since: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """One line of history. `task` is empty where the event is not about one; `time` is 0 when nobody knows it."""

    sequence: int
    time: int
    task: str
    event: str
    details: Mapping[str, str | int]


class Store(Protocol):
    def load(self) -> Remembered: ...

    def commit(self, events: Sequence[Event]) -> Sequence[int]:
        """All or none, on disk when it returns; answers each event's sequence number. Raises StoreError, and then
        nothing was remembered."""

    def probe(self) -> None:
        """Writes something that changes nothing. Raises StoreError while nothing can be written."""

    def renew(self, whole: Remembered, events: Sequence[Event], now: int) -> Sequence[int]:
        """Sets the damaged file aside and begins a new one that holds `whole`, in which `events` have happened
        already; answers their sequence numbers, which go on from the last one. Raises StoreError; then the damaged
        file is still in its place."""

    def forget(self, *, before: int, keep: int, at_most: int) -> bool:
        """Removes the oldest lines of history that are from before `before` (usec) or not among the newest `keep`,
        and the tasks that ended in them, but none that is open or whose directory is kept. No more than `at_most` of
        either, and never the last line; tells whether there may be more to remove."""

    def forget_names(self, *, before: str, at_most: int) -> list[str]:
        """Forgets the versions and the times of names that were last used before the day `before` (YYYYMMDD) and of
        which there is no task any more, neither open nor in history; answers which, at most `at_most`."""

    def events(self, after: int, limit: int) -> list[PastEvent]:
        """Those with a higher sequence number, oldest first; `limit` 0 means the store's own limit."""

    def task(self, task_id: TaskId) -> Task | None: ...

    def tasks(self, wanted: TaskFilter) -> list[Task]:
        """Newest first; fewer than there are when their records are very large."""

    def known(self, ids: Sequence[TaskId]) -> frozenset[TaskId]:
        """Those of `ids` that were ever used."""

    def surplus(self, name: str, *, keep_success: int, keep_failed: int) -> list[Task]:
        """Closed tasks of that exact name whose directory is still there, but for the newest ones to keep. Some at a
        time: what is left over shows at the next call."""


class StoreError(Exception):
    """The state directory cannot be written or read; the message says why and what to do."""


class StoreConflict(StoreError):
    """The disk is fine: `task_id`, which is to be new, is there already. An older store was put in place of a newer
    one, say, or somebody wrote into it."""

    def __init__(self, task_id: TaskId) -> None:
        super().__init__(f"store: {task_id} is there already")
        self.task_id = task_id


class StoreDamaged(StoreError):
    """What is in the file cannot be trusted any more: see `Store.renew`."""


class NoRoom(Exception):
    """The disk is full or read-only: nothing was done, and it is worth trying again. The message says where it is,
    and what to do. `ours`: it is where the service keeps everything, so that nothing else has room either."""

    def __init__(self, message: str, *, ours: bool) -> None:
        super().__init__(message)
        self.ours = ours


class Output(Protocol):
    """A task's output file, open for appending."""

    def fileno(self) -> int: ...

    def close(self) -> None:
        """Never raises."""


class Workdirs(Protocol):
    """Calls for different tasks may run at the same time."""

    def prepare(self, task: Task) -> Output:
        """Directory, results/, parameters.json and results/output.txt, owned by the task's user. The output file
        is open and the caller closes it: once the directory is the user's, no path in it can be trusted. Raises
        NoRoom, OSError or LookupError (user); then nothing is left behind, but for what a disk that is read-only by
        now does not let go: see `unused`."""

    def unused(self, task: Task) -> bool:
        """Whether its directory is there as far as `prepare` makes it, and nobody has run in it."""

    def seal(self, task: Task) -> None:
        """Writes results/task.json. Raises NoRoom, OSError, or LookupError when the task's user is gone."""

    def collect(self, task: Task) -> list[str]:
        """Removes all but results/; answers what could not be removed, as text for the journal."""

    def remove(self, task: Task) -> list[str]:
        """Removes the work directory whole, results included; answers like `collect`."""

    def newest(self, root_directory: str, name: str) -> Serial | None:
        """The newest of the versions that we make among the task's directories there. None too when they cannot be
        read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What PID 1 left about a unit's end: see `host.receipts`. The words are systemd's (systemd.exec(5))."""

    service_result: str
    exit_code: str
    """`exited`, `killed`, `dumped`, or empty when no process was ever made."""
    exit_status: str
    """A number when exited, else a signal's name without SIG."""
    ended_usec: int
    cpu_usec: int | None = None
    memory_peak: int | None = None
    oom_kills: int = 0


class Receipts(Protocol):
    def read(self, unit: str) -> Receipt | None: ...

    def discard(self, unit: str) -> None: ...


class Commands(Protocol):
    """Calls for different tasks may run at the same time."""

    def write(self, task: Task) -> None:
        """Before its unit is started: the command, should systemd have to read it from a file. Raises OSError and
        NoRoom."""

    def remove(self, task_id: TaskId) -> None:
        """When its unit is over. One that is not there is fine. Raises OSError."""


class Witness(Protocol):
    def spawn_error(self, unit: str) -> str | None:
        """What systemd logged when it could not execute the unit's program; None when it did execute it."""

    def began(self, unit: str) -> bool | None:
        """Whether systemd has ever dealt with the unit since the machine came up; None when nobody can tell."""


class Units(Protocol):
    def refresh(self, *, force: bool = False) -> Catalogue:
        """The units on disk now; the same object as last time when no file has changed."""


class Machine(Protocol):
    def budget(self) -> Budget: ...


class Authority(Protocol):
    """Who decides what a caller may do: polkit, or where there is none, what is known of the caller."""

    async def permits(self, caller: Caller, deed: Deed) -> Permit:
        """May take as long as a person needs to answer. Raises AccessDenied when whoever decides gives no answer,
        and LimitExceeded when the caller has too many questions open."""

    async def is_among(self, uid: int, users: Sequence[str], groups: Sequence[str]) -> bool:
        """Whether the user is one of `users` (names or numbers), or in one of `groups`."""


class StartRefused(Exception):
    """systemd did not take the unit; the message is systemd's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUnit:
    """What systemd tells of a task's unit, for which there is no record."""

    id: TaskId
    kind: Kind
    description: str
    argv: tuple[str, ...]
    user: str | None
    directory: str
    """Absolute path of the work directory."""
    memory_max: int | None
    """Bytes."""
    started_usec: int


@dataclass(frozen=True, slots=True)
class ObservedUnit:
    """A task's unit that systemd has loaded. `alive`: its processes are there or about to be."""

    id: TaskId
    alive: bool


STOPPED: Final = "stopped"
DONE: Final = "done"
UNSURE: Final = "unsure"


class Launcher(Protocol):
    """Tells of ends through the callback that it was given: `ended(task_id, note)`, once per start or adopt.

    The unit is truly over by then: no process of it is left. `note` is what systemd's own jobs told: STOPPED
    when somebody stopped the unit by hand; DONE when the start job of a batch task, which lasts until the task's
    end, was a success; UNSURE when nobody knows whether systemd has ever got the start; else it is empty, which tells
    nothing.
    """

    async def observe(self) -> list[ObservedUnit]: ...

    async def inspect(self, task_id: TaskId) -> FoundUnit | None:
        """None when the unit was not made by us, or is gone."""

    async def start(self, task: Task, output: int) -> None:
        """Returns once systemd has taken the unit, or already had it. `output` is a descriptor that systemd gets as
        stdout and stderr; it stays the caller's. Raises StartRefused."""

    async def adopt(self, task: Task) -> None:
        """Watch a unit that an earlier daemon started."""

    async def release(self, task_id: TaskId) -> None:
        """Let systemd forget a failed unit. Never raises for a unit that is gone."""

    async def kill(self, task_id: TaskId, signal: str) -> None:
        """`signal` is a name without SIG. Raises WrongState when nothing of the task runs, InvalidArgs for any other
        name."""

    async def enforce(self, budget: Budget) -> None:
        """Put the budget on the slices."""


class Journal(Protocol):
    def write(self, entry: Entry) -> None:
        """Never raises: what happened has happened, whether or not the journal takes it."""
