# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened -> entries for the journal. Everything that is remembered about a task's state makes one."""

from __future__ import annotations

from collections.abc import Sequence

from sd_taskpacker.engine.events import (
    Drained,
    Event,
    Resumed,
    RootDecommissioned,
    RootRecommissioned,
    TaskEnded,
    TaskFound,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.ports import Budget, Journal
from sd_taskpacker.engine.turn import Numbered
from sd_taskpacker.model import notices
from sd_taskpacker.model.notices import Entry
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.task import Outcome, Task, TaskState
from sd_taskpacker.model.unit import RefusedUnit


class Chronicle:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._refused: frozenset[RefusedUnit] = frozenset()

    def act(self, events: Sequence[Numbered]) -> None:
        """Of events that are remembered."""
        for _, event in events:
            entry = entry_of(event)
            if entry is not None:
                self._journal.write(entry)

    def recovered(self, tasks: Sequence[Task]) -> None:
        """What an earlier daemon left open. Of an end that it committed nobody knows whether it told the journal:
        it is told again."""
        if not tasks:
            return
        ends = [_ended(task, task.outcome) for task in tasks if task.outcome is not None]
        waiting = sum(task.state is TaskState.WAITING for task in tasks)
        running = len(tasks) - len(ends) - waiting
        text = f"recovered: {running} started, {waiting} waiting, {len(ends)} ended"
        self._journal.write(Entry(notice=notices.RECOVERED, text=text))
        for entry in ends:
            self._journal.write(entry)

    def budget(self, budget: Budget) -> None:
        chunks = budget.memory // CHUNK_BYTES
        text = f"budget: {chunks} chunks, {budget.cpus} CPUs ({budget.source})"
        self._journal.write(Entry(notice=notices.BUDGET, text=text))

    def refused(self, units: Sequence[RefusedUnit]) -> None:
        """All that are refused now; those whose problems were told before are not told again."""
        for unit in units:
            if unit not in self._refused:
                self._journal.write(Entry(notice=notices.REFUSED, text=_problems(unit)))
        self._refused = frozenset(units)


def entry_of(event: Event) -> Entry | None:
    """None for what changes no state that people ask for."""
    match event:
        case TaskQueued(task):
            return Entry(notice=notices.QUEUED, text=f"{task.id}: queued", task=task)
        case TaskStarted(task):
            return Entry(notice=notices.STARTED, text=f"{task.id}: started", task=task)
        case TaskFound(task):
            return Entry(notice=notices.STARTED, text=f"{task.id}: found running, no record of it", task=task)
        case TaskEnded(task) if task.outcome is not None:
            return _ended(task, task.outcome)
        case RootDecommissioned(root):
            return Entry(notice=notices.DECOMMISSION, text=f"{root}: decommissioned", root=root)
        case RootRecommissioned(root):
            return Entry(notice=notices.RECOMMISSION, text=f"{root}: recommissioned", root=root)
        case Drained():
            return Entry(notice=notices.DRAINED, text="drained: nothing further starts")
        case Resumed():
            return Entry(notice=notices.RESUMED, text="resumed: tasks start again")
        case _:
            return None


def _ended(task: Task, outcome: Outcome) -> Entry:
    text = f"{task.id}: {outcome.result}{outcome.message and f': {outcome.message}'}"
    return Entry(notice=notices.end_of(outcome.result), text=text, task=task)


def _problems(unit: RefusedUnit) -> str:
    """Each problem on a line of its own, which journalctl shows below each other."""
    return "\n".join([f"{unit.name}.{unit.kind} is refused:", *(f"  {problem}" for problem in unit.problems)])
