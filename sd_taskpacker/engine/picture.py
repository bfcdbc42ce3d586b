# SPDX-License-Identifier: LGPL-2.1-or-later
"""From the plan of everything to what is drawn of it. Anybody may look: no parameters, no commands, no users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from sd_taskpacker.drawing import as_html, as_json, as_svg, as_text
from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.engine.manager import PlanFormat
from sd_taskpacker.engine.wholeplan import WholePlan
from sd_taskpacker.model.resource import CPU, MEMORY, Lease
from sd_taskpacker.model.task import Task

_RENDERERS: Final[Mapping[PlanFormat, Callable[[PlanView], str]]] = {
    PlanFormat.JSON: as_json.render,
    PlanFormat.TEXT: as_text.render,
    PlanFormat.SVG: as_svg.render,
    PlanFormat.HTML: as_html.render,
}


def draw(whole: WholePlan, form: PlanFormat) -> str:
    return _RENDERERS[form](picture(whole))


def picture(whole: WholePlan) -> PlanView:
    tasks = {str(task.id): task for task in whole.tasks}
    capacity = {resource.name: resource.capacity for resource in whole.snapshot.resources}
    unplaced = (
        Unplaced(id=key, label=key, reasons=tuple(reason.text for reason in reasons))
        for key, reasons in whole.plan.unplaced.items()
    )
    return PlanView(
        now=whole.plan.now,
        chunks=capacity[MEMORY],
        cpus=capacity[CPU],
        bars=(*_running(whole, tasks), *_planned(whole.plan.placed, whole.plan.promised, tasks)),
        unplaced=tuple(unplaced),
        draining=whole.draining,
    )


def _running(whole: WholePlan, tasks: Mapping[str, Task]) -> Iterator[Bar]:
    overdue = {lease.owner for lease in whole.snapshot.leases if lease.end <= whole.plan.now}
    for lease in whole.plan.held:
        yield _bar(tasks[lease.owner], lease, running=True, overdue=lease.owner in overdue)


def _planned(placed: tuple[Lease, ...], promised: Mapping[str, int], tasks: Mapping[str, Task]) -> Iterator[Bar]:
    """`promised`: to those that came since the last look at what waits."""
    for lease in placed:
        task = tasks[lease.owner]
        latest = promised.get(lease.owner) if task.promised_usec is None else task.promised_usec
        yield _bar(task, lease, running=False, latest=latest)


def _bar(task: Task, lease: Lease, *, running: bool, latest: int | None = None, overdue: bool = False) -> Bar:
    return Bar(
        id=lease.owner,
        label=lease.owner,
        kind=task.kind,
        running=running,
        start=lease.start,
        end=lease.end,
        latest=latest,
        chunks=task.chunks,
        cpus=task.cpus,
        priority=task.priority,
        deadline=task.deadline_usec,
        overdue=overdue,
    )
