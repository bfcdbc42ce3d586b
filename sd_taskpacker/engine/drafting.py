# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a checked request to what the planner sees of it, and to the task that it becomes.

What the request says goes before what the unit says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from sd_taskpacker.engine.requests import Instance, Place
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.command import render
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.resource import Claims, claims, unit_resource
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.plan.snapshot import Candidate

_T = TypeVar("_T")


def claims_of(instance: Instance) -> Claims:
    unit = instance.unit
    limited = None if unit.max_running is None else unit.name
    return claims(chunks=_chunks(instance), cpus=_cpus(instance), limited_unit=limited)


def limits_of(instances: Iterable[Instance]) -> dict[str, int]:
    """The capacities that the units' MaxRunning= make, as the units are now."""
    return {
        unit_resource(instance.unit.name): instance.unit.max_running
        for instance in instances
        if instance.unit.max_running is not None
    }


def candidate_of(instance: Instance, key: str, state: State, now: int, *, now_only: bool) -> Candidate:
    return Candidate(
        key=key,
        claims=claims_of(instance),
        duration=_expected(instance) or state.expected(instance.name),
        priority=_priority(instance),
        deadline=deadline_of(instance, now),
        submitted=now,
        now_only=now_only,
        runs_late=instance.unit.runs_late,
        assumed=not (_expected(instance) or state.has_learnt(instance.name)),
    )


def task_of(place: Place, instance: Instance, task_id: TaskId, caller: Caller, now: int) -> Task:
    """One that waits; `started` makes it run."""
    unit, args = instance.unit, instance.args
    secret = {parameter.name for parameter in unit.parameters if parameter.secret}
    return Task(
        id=task_id,
        kind=unit.kind,
        unit=unit.name,
        description=unit.description,
        argv=_shared((*render(unit.exec, instance.parameters), *args.argv)),
        params=tuple((name, value) for name, value in instance.params.items() if name not in secret),
        parameters={name: value for name, value in instance.parameters.items() if name not in secret},
        secrets={name: value for name, value in instance.parameters.items() if name in secret},
        properties=unit.properties,
        user=unit.user or place.default_user,
        directory="/".join((instance.root_directory, *task_id.directory)),
        root_directory=_shared(instance.root_directory),
        chunks=_chunks(instance),
        cpus=_cpus(instance),
        expected_usec=_expected(instance),
        priority=_priority(instance),
        deadline_usec=deadline_of(instance, now),
        tag=args.tag,
        keep_success=unit.keep_success,
        keep_failed=unit.keep_failed,
        uid=caller.uid,
        boot_id=place.boot_id,
        submitted_usec=now,
        started_usec=0,
        state=TaskState.WAITING,
        runs_late=unit.runs_late,
        max_running=unit.max_running,
        retries=unit.retries,
        grows=unit.grows,
    )


@lru_cache(maxsize=256)
def _shared(said: _T) -> _T:
    """What was said first of all that is equal: thousands that wait need not hold the same words each."""
    return said


def started(task: Task, boot_id: str, now: int) -> Task:
    """What waited may have been accepted before a reboot; it runs in the boot that starts it."""
    return dataclasses.replace(task, state=TaskState.RUNNING, boot_id=boot_id, started_usec=now)


def deadline_of(instance: Instance, now: int) -> int | None:
    """usec, CLOCK_REALTIME."""
    if instance.args.deadline_usec is not None:
        return instance.args.deadline_usec
    return None if instance.unit.deadline_usec is None else now + instance.unit.deadline_usec


def _priority(instance: Instance) -> int:
    return instance.unit.priority if instance.args.priority is None else instance.args.priority


def _chunks(instance: Instance) -> int:
    return instance.unit.chunks if instance.args.chunks is None else instance.args.chunks


def _cpus(instance: Instance) -> int:
    return instance.unit.cpus if instance.args.cpus is None else instance.args.cpus


def _expected(instance: Instance) -> int | None:
    return instance.args.expected_usec or instance.unit.expected_usec
