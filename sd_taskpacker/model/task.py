# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of a unit, from admission to its end. Holds all that is needed to launch it again and to describe it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sd_taskpacker.model.names import BATCH_SLICE, WORKORDER_SLICE, TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.resource import Claims, claims
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

DEFAULT_EXPECTED_USEC = 600 * 1_000_000
"""What planning assumes of a task without `ExpectedSec=`."""


class TaskState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


class Result(StrEnum):
    """Why a task ended; systemd's own words where it has one (systemd.exec(5), $SERVICE_RESULT)."""

    SUCCESS = "success"
    EXIT_CODE = "exit-code"
    SIGNAL = "signal"
    CORE_DUMP = "core-dump"
    TIMEOUT = "timeout"
    WATCHDOG = "watchdog"
    OOM_KILL = "oom-kill"
    COULD_NOT_START = "could-not-start"
    STOPPED = "stopped"
    """Somebody stopped the systemd unit by hand."""
    LOST = "lost"
    """The machine went down under it, or its unit vanished without a trace."""
    CANCELLED = "cancelled"
    """Somebody took it out of the queue."""
    DEADLINE = "deadline"
    """Its deadline passed while it waited."""
    DECOMMISSIONED = "decommissioned"
    """Its root was decommissioned while it waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the kernel counted in the task's cgroup; None is "unknown", never 0."""

    cpu_usec: int | None = None
    memory_peak: int | None = None
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    result: Result
    ended_usec: int
    exit_status: int | None = None
    """The program's own status; None when it did not exit by itself."""
    signal: str | None = None
    """Name without SIG, as `KILL`."""
    message: str = ""
    """For a person: why it could not start, for example."""
    usage: Usage = Usage()
    no_directory: bool = False
    """Its work directory was never made; what has that path, if anything, is somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    id: TaskId
    kind: Kind
    unit: str
    description: str
    argv: tuple[str, ...]
    params: tuple[tuple[str, Value], ...]
    """As submitted."""
    parameters: dict[str, Any]
    """As the task sees them in parameters.json: defaults filled in, types as declared."""
    properties: tuple[tuple[str, Value], ...]
    user: str | None
    """None: the daemon's own, in a user instance."""
    directory: str
    """Absolute path of the work directory."""
    root_directory: str
    """Absolute path of the root's directory, above which nothing is made or removed."""
    chunks: int
    cpus: int
    expected_usec: int | None
    priority: int
    deadline_usec: int | None
    """CLOCK_REALTIME."""
    tag: str
    keep_success: int
    keep_failed: int
    uid: int
    """Who submitted it; 0 for a root started by the daemon."""
    boot_id: str
    submitted_usec: int
    started_usec: int
    """0 while it waits."""
    state: TaskState = TaskState.RUNNING
    outcome: Outcome | None = None
    promised_usec: int | None = None
    """The start that was shown when it was queued: it starts then or earlier."""
    runs_late: bool = False
    """OnDeadline=run: it is wanted even after its deadline."""
    max_running: int | None = None
    """Of its unit at once."""
    retries: int = 0
    """How often it is tried again when it fails."""
    grows: bool = False
    """OnOOM=larger: after an oom-kill it is tried once more in the next size."""
    retry_of: str | None = None
    """The id of the try before this one."""
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)
    """What is in parameters.json beside `parameters`, and shown nowhere. Forgotten at the end."""

    @property
    def slice(self) -> str:
        return BATCH_SLICE if self.kind is Kind.BATCH else WORKORDER_SLICE

    @property
    def claims(self) -> Claims:
        limited = None if self.max_running is None else self.unit
        return claims(chunks=self.chunks, cpus=self.cpus, limited_unit=limited)

    @property
    def memory_max(self) -> int:
        """Bytes."""
        return self.chunks * CHUNK_BYTES

    @property
    def results(self) -> str:
        return self.directory + "/results"

    @property
    def weight(self) -> int:
        """About how many characters of its submitter's it carries."""
        values = (*self.parameters.values(), *self.secrets.values())
        return sum(map(len, self.argv)) + sum(len(str(value)) for value in values)

    @property
    def has_run(self) -> bool:
        """Whether it was ever started; what never was has left nothing anywhere."""
        return self.started_usec > 0

    def ended(self, outcome: Outcome) -> Task:
        state = TaskState.COMPLETE if outcome.result is Result.SUCCESS else TaskState.FAILED
        return dataclasses.replace(self, state=state, outcome=outcome, secrets={})


def describe(task: Task) -> dict[str, Any]:
    """The task as GetTask, ListTasks and task.json show it. What is unknown or does not apply is left out."""
    shown: dict[str, Any] = {
        "id": str(task.id),
        "name": task.id.name,
        "version": task.id.version,
        "root": task.id.root,
        "kind": str(task.kind),
        "unit": task.unit,
        "description": task.description,
        "state": str(task.state),
        "systemd_unit": task.id.unit_name,
        "directory": task.directory,
        "argv": list(task.argv),
        "parameters": {name: value.data for name, value in task.params},
        "chunks": task.chunks,
        "memory_max": task.memory_max,
        "cpus": task.cpus,
        "priority": task.priority,
        "uid": task.uid,
        "submitted": task.submitted_usec,
    }
    optional: dict[str, Any] = {
        "started": task.started_usec or None,
        "promised": task.promised_usec,
        "expected": task.expected_usec,
        "deadline": task.deadline_usec,
        "on_deadline": "run" if task.runs_late else None,
        "max_running": task.max_running,
        "retries": task.retries or None,
        "on_oom": "larger" if task.grows else None,
        "retry_of": task.retry_of,
        "tag": task.tag or None,
    }
    if task.outcome:
        end = task.outcome
        optional |= {
            "result": str(end.result),
            "ended": end.ended_usec,
            "exit_status": end.exit_status,
            "signal": end.signal,
            "message": end.message or None,
            "cpu_usec": end.usage.cpu_usec,
            "memory_peak": end.usage.memory_peak,
        }
    return shown | {key: value for key, value in optional.items() if value is not None}
