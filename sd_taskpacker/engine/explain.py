# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why a task waits, in words for a person. Never answers with nothing."""

from __future__ import annotations

from typing import Final

from sd_taskpacker.engine.admission import DRAINED
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.plan.reasons import lacking, reserved, span, too_large
from sd_taskpacker.plan.snapshot import Plan, Reason, Verdict

_MINUTE: Final = 60 * 1_000_000
_HOUR: Final = 60 * _MINUTE


def explain(state: State, task: Task, whole: Plan | None, now: int) -> list[Reason]:
    """`whole`: a plan of everything, when there is one. What is short is looked up as it is at this moment."""
    if task.state is TaskState.RUNNING:
        return [Reason("state", Verdict.NOW, f"has been running for {span(now - task.started_usec)}")]
    if task.outcome is not None:
        why = f": {task.outcome.message}" if task.outcome.message else ""
        return [Reason("state", Verdict.NEVER, f"has ended with the result {task.outcome.result}{why}")]
    reasons = [DRAINED] if state.draining else []
    capacity = state.capacity()
    planned = whole.unplaced.get(str(task.id), ()) if whole else ()
    late = tuple(reason for reason in planned if reason.verdict is Verdict.DEADLINE)
    never = too_large(task.claims, capacity)
    if never:
        return [*reasons, *never]  # What it was promised came from a larger budget.
    reasons += late
    reasons += lacking(task.claims, state.free(capacity))
    if not reasons:
        reasons += reserved(task.claims)
    return [*reasons, *_start(task, whole, now)]


def _start(task: Task, whole: Plan | None, now: int) -> list[Reason]:
    """When it starts: as things stand, and as it was promised."""
    key, promised = str(task.id), task.promised_usec
    start = next((lease.start for lease in whole.placed if lease.owner == key), None) if whole else None
    if promised is None and whole is not None:
        promised = whole.promised.get(key)
    if start is not None and promised is not None and promised > now:
        start = min(start, promised)  # The plan of the far future is rougher than what is promised.
    told = []
    if start is not None:
        told.append(f"expected to start {_when(start, now)}")
    if promised is not None:
        told.append(
            f"promised {_when(promised, now)}" if promised <= now else f"at the latest {_when(promised, now)}"
        )
    return [Reason("start", Verdict.NOT_NOW, ", ".join(told))] if told else []


def _when(time: int, now: int) -> str:
    """To the minute when it is more than an hour off."""
    off = time - now
    if off > _HOUR:
        off = -(-off // _MINUTE) * _MINUTE
    if off == 0:
        return "now"
    return f"in {span(off)}" if off > 0 else f"{span(-off)} ago"
