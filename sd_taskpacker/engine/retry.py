# SPDX-License-Identifier: LGPL-2.1-or-later
"""Retry= and OnOOM=: whether a run that failed is tried again, and as what.

Each try is a task of its own, with its own version, end and signals.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from sd_taskpacker.engine.state import State
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import SIZES
from sd_taskpacker.model.resource import MEMORY
from sd_taskpacker.model.serials import next_of, spell
from sd_taskpacker.model.task import Result, Task, TaskState
from sd_taskpacker.plan.reasons import too_large

_FINAL: Final = frozenset({Result.SUCCESS, Result.STOPPED, Result.CANCELLED, Result.DEADLINE, Result.DECOMMISSIONED})
"""It is done, or somebody or something has decided that it shall not run."""


def next_try(state: State, over: Task, now: int, *, secrets: dict[str, Any] | None = None) -> Task | None:
    """`over` carries its outcome, and not its secrets any more, which the next try needs too. One that a person
    killed has no tries left: see Orders.kill."""
    changes = _changes(state, over)
    if changes is None or state.is_decommissioned(over.id.root):
        return None
    if over.deadline_usec is not None and over.deadline_usec <= now and not over.runs_late:
        return None
    if too_large(over.claims, state.capacity()):
        return None  # The budget has shrunk under it: the next try would wait for ever.
    task_id = TaskId(over.id.name, spell(next_of(state.serial(over.id.name), now)))
    return dataclasses.replace(
        over,
        id=task_id,
        directory="/".join((over.root_directory, *task_id.directory)),
        state=TaskState.WAITING,
        outcome=None,
        submitted_usec=now,
        started_usec=0,
        promised_usec=None,
        retry_of=str(over.id),
        secrets=secrets or {},
        **changes,
    )


def _changes(state: State, over: Task) -> dict[str, Any] | None:
    result = over.outcome.result if over.outcome else Result.SUCCESS
    if result in _FINAL:
        return None
    larger = next((size for size in SIZES.values() if size > over.chunks), None)
    if result is Result.OOM_KILL and over.grows and larger is not None and larger <= state.capacity()[MEMORY]:
        return {"chunks": larger, "grows": False}
    return {"retries": over.retries - 1} if over.retries > 0 else None
