# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which of the requests are taken, and under which ids. Pure; nothing is started here.

Batch that is submitted: the instances of one call are planned together with what waits, and what has a place at
this moment starts. Batch that is queued: all is taken but what can never run or cannot run in time; who of it starts
now, the cycle says at the end of the same turn. Lack of room is a rejection and never an error. Workorders always
start. Versions are given last, so that a rejection burns no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.engine.drafting import candidate_of, claims_of, deadline_of, limits_of, started, task_of
from sd_taskpacker.engine.events import Event, TaskQueued, TaskStarted
from sd_taskpacker.engine.limits import check_waiting, check_workorders
from sd_taskpacker.engine.manager import Answer
from sd_taskpacker.engine.requests import Instance, Office, examine
from sd_taskpacker.engine.state import State
from sd_taskpacker.errors import LimitExceeded
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.serials import Serial, after, next_of, parse, spell
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.reasons import lacking, too_large
from sd_taskpacker.plan.snapshot import Reason, Verdict

DRAINED: Final = Reason("drained", Verdict.NOT_NOW, "nothing new is started until Resume")

Refusals = Mapping[int, tuple[Reason, ...]]
"""Index of an instance that is not taken -> why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    events: tuple[Event, ...]
    """TaskStarted or TaskQueued, one for each task that is taken."""
    answers: tuple[Answer, ...]
    """One per request, in request order."""
    rejected: tuple[tuple[str, tuple[Reason, ...]], ...] = ()
    """Label and reasons of each rejection."""


def admit(office: Office, kind: Kind, caller: Caller, requests: Sequence[Request], now: int) -> Admission:
    """What is to start now. Raises TaskpackerError when a request is malformed, or nothing may start; then nothing
    of the call is to be done."""
    instances = examine(office, kind, caller, requests, now)
    if kind is Kind.BATCH:
        refused = _without_place(office.state, instances, now)
    else:
        refused = {}
        if office.state.draining:
            raise LimitExceeded("the service is drained, nothing new is started", hint="Resume goes on")
        check_workorders(office.state, office.place.limits, caller, len(instances))
    tasks = _tasks(office, instances, refused, caller, now)
    boot = office.place.boot_id
    return _admission(
        requests, instances, refused, tasks, [TaskStarted(started(task, boot, now)) for task in tasks.values()]
    )


def enqueue(office: Office, caller: Caller, requests: Sequence[Request], now: int) -> Admission:
    """What is to run sooner or later. Raises TaskpackerError; then nothing of the call is to be done."""
    instances = examine(office, Kind.BATCH, caller, requests, now)
    refused = hopeless(office.state, instances, now)
    taken = [instance.size for index, instance in enumerate(instances) if index not in refused]
    check_waiting(office.state, office.place.limits, caller, len(taken), sum(taken))
    tasks = _tasks(office, instances, refused, caller, now)
    return _admission(requests, instances, refused, tasks, [TaskQueued(task) for task in tasks.values()])


def hopeless(state: State, instances: Sequence[Instance], now: int) -> Refusals:
    """Those that can never run, or not in time. Only deadlines need the planner."""
    capacity = state.capacity() | limits_of(instances)
    refused = {
        index: reasons
        for index, instance in enumerate(instances)
        if (reasons := too_large(claims_of(instance), capacity))
    }
    hurried = [
        index
        for index, instance in enumerate(instances)
        if index not in refused and not instance.unit.runs_late and deadline_of(instance, now) is not None
    ]
    if hurried:
        unplaced = state.starts(
            now,
            [
                candidate_of(instance, str(index), state, now, now_only=False)
                for index, instance in enumerate(instances)
                if index not in refused
            ],
            limits=limits_of(instances),
        ).unplaced
        for index in hurried:
            reasons = unplaced.get(str(index), ())
            if any(reason.verdict is Verdict.DEADLINE for reason in reasons):
                refused[index] = reasons
    return refused


def _without_place(state: State, instances: Sequence[Instance], now: int) -> Refusals:
    """Those that do not start at this moment. They are ranked together with what waits, so that asking again and
    again is no way past those who wait; and whoever starts leaves alone all that is promised to the same and to
    higher priorities. What is not even free needs no planner: where many wait, that is most of what is asked."""
    if state.draining:
        return dict.fromkeys(range(len(instances)), (DRAINED,))
    limits = limits_of(instances)
    capacity = state.capacity() | limits
    free = state.free(capacity)
    refused = {
        index: reasons
        for index, instance in enumerate(instances)
        if (reasons := too_large(claims_of(instance), capacity) or lacking(claims_of(instance), free))
    }
    asked = {
        str(index): candidate_of(instance, str(index), state, now, now_only=True)
        for index, instance in enumerate(instances)
        if index not in refused
    }
    if asked:
        plan = state.starts(now, list(asked.values()), limits=limits)
        refused |= {int(key): plan.unplaced[key] for key in asked.keys() - plan.due}
    return refused


def _tasks(
    office: Office, instances: Sequence[Instance], refused: Refusals, caller: Caller, now: int
) -> dict[int, Task]:
    """By the index of the instance."""
    chosen = {index: instance for index, instance in enumerate(instances) if index not in refused}
    versions = _Versions(office, chosen.values(), now)
    return {
        index: task_of(office.place, instance, versions.give(instance), caller, now)
        for index, instance in chosen.items()
    }


def _admission(
    requests: Sequence[Request],
    instances: Sequence[Instance],
    refused: Refusals,
    tasks: Mapping[int, Task],
    events: Sequence[Event],
) -> Admission:
    yes: list[list[str]] = [[] for _ in requests]
    no: list[list[str]] = [[] for _ in requests]
    for index, instance in enumerate(instances):
        if index in tasks:
            yes[instance.request].append(str(tasks[index].id))
        else:
            no[instance.request].append(instance.label)
    return Admission(
        events=tuple(events),
        answers=tuple(Answer(tuple(ids), tuple(names)) for ids, names in zip(yes, no, strict=True)),
        rejected=tuple((instances[index].label, reasons) for index, reasons in refused.items()),
    )


class _Versions:
    """Gives the day's next number of each name, past those that this call gives by hand."""

    def __init__(self, office: Office, instances: Iterable[Instance], now: int) -> None:
        self._office = office
        self._now = now
        self._known: dict[str, Serial | None] = {}
        for instance in instances:
            if instance.args.version is not None:
                self._use(instance.name, parse(instance.args.version))

    def give(self, instance: Instance) -> TaskId:
        if instance.args.version is not None:
            return TaskId(instance.name, instance.args.version)
        serial = next_of(self._last(instance.name), self._now)
        self._use(instance.name, serial)
        return TaskId(instance.name, spell(serial))

    def _last(self, name: str) -> Serial | None:
        if name in self._known:
            return self._known[name]
        return after(self._office.state.serial(name), self._office.on_disk.get(name))

    def _use(self, name: str, serial: Serial | None) -> None:
        self._known[name] = after(self._last(name), serial)
