# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why a task waits, in words for a person. Never answers with nothing."""

from __future__ import annotations

from sd_taskpacker.engine.admission import DRAINED
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.trial import span
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.plan.reasons import lacking, reserved, too_large
from sd_taskpacker.plan.snapshot import Plan, Reason, Verdict


def explain(state: State, task: Task, latest: Plan | None, now: int) -> list[Reason]:
    """`latest` is the newest plan of what waits. What is short is looked up as it is at this moment."""
    if task.state is TaskState.RUNNING:
        return [Reason("state", Verdict.NOW, f"has been running for {span(now - task.started_usec)}")]
    if task.outcome is not None:
        why = f": {task.outcome.message}" if task.outcome.message else ""
        return [Reason("state", Verdict.NEVER, f"has ended with the result {task.outcome.result}{why}")]
    reasons = [DRAINED] if state.draining else []
    capacity = state.capacity()
    planned = latest.unplaced.get(str(task.id), ()) if latest else ()
    late = tuple(reason for reason in planned if reason.verdict is Verdict.DEADLINE)
    reasons += too_large(task.claims, capacity) or late
    reasons += lacking(task.claims, state.free(capacity))
    if not reasons:
        reasons += reserved(task.claims)
    return [*reasons, *_start(task, latest, now)]


def _start(task: Task, latest: Plan | None, now: int) -> list[Reason]:
    placed = latest.placed if latest else ()
    start = next((lease.start for lease in placed if lease.owner == str(task.id)), None)
    told = [
        f"is {word} {'now' if moment <= now else f'in {span(moment - now)}'}"
        for word, moment in (("planned to start", start), ("promised to start at the latest", task.promised_usec))
        if moment is not None
    ]
    return [Reason("start", Verdict.NOT_NOW, ", ".join(told))] if told else []
