# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which of the requests start now, and under which ids. Pure; nothing is started here.

Batch: the instances of one call are planned together and what has a place at this moment starts; lack of room
is a rejection and never an error. Workorders always start. Versions are given last, so that a rejection burns
no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sd_taskpacker.engine.ports import Answer
from sd_taskpacker.engine.requests import Instance, Office, Place, examine
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.command import render
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.resource import claims
from sd_taskpacker.model.serials import Serial, after, next_of, parse, spell
from sd_taskpacker.model.task import DEFAULT_EXPECTED_USEC, Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.snapshot import Candidate, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    started: tuple[Task, ...]
    answers: tuple[Answer, ...]
    """One per request, in request order."""
    rejected: tuple[tuple[str, tuple[Reason, ...]], ...] = ()
    """Label and reasons of each rejection."""


def admit(office: Office, kind: Kind, caller: Caller, requests: Sequence[Request], now: int) -> Admission:
    """Raises TaskpackerError when a request is malformed; then nothing of the call is to be done."""
    instances = examine(office, kind, caller, requests, now)
    chosen: frozenset[int] = frozenset(range(len(instances)))
    reasons: Mapping[str, tuple[Reason, ...]] = {}
    if kind is Kind.BATCH:
        plan = office.state.plan(now, (_candidate(str(i), instance, now) for i, instance in enumerate(instances)))
        chosen, reasons = frozenset(map(int, plan.due)), plan.unplaced
    versions = _Versions(office.state, (instances[index] for index in chosen), now)
    started: list[Task] = []
    yes: list[list[str]] = [[] for _ in requests]
    no: list[list[str]] = [[] for _ in requests]
    for index, instance in enumerate(instances):
        if index in chosen:
            started.append(_task(office.place, instance, versions.give(instance), caller, now))
            yes[instance.request].append(str(started[-1].id))
        else:
            no[instance.request].append(instance.label)
    return Admission(
        started=tuple(started),
        answers=tuple(Answer(tuple(ids), tuple(names)) for ids, names in zip(yes, no, strict=True)),
        rejected=tuple((instances[int(key)].label, why) for key, why in reasons.items()),
    )


class _Versions:
    """Gives the day's next number of each name, past those that this call gives by hand."""

    def __init__(self, state: State, instances: Iterable[Instance], now: int) -> None:
        self._state = state
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
        return self._known[name] if name in self._known else self._state.serial(name)

    def _use(self, name: str, serial: Serial | None) -> None:
        self._known[name] = after(self._last(name), serial)


def _candidate(key: str, instance: Instance, now: int) -> Candidate:
    return Candidate(
        key=key,
        claims=claims(chunks=_chunks(instance), cpus=_cpus(instance)),
        duration=_expected(instance) or DEFAULT_EXPECTED_USEC,
        priority=instance.unit.priority if instance.args.priority is None else instance.args.priority,
        deadline=_deadline(instance, now),
        submitted=now,
        now_only=True,
    )


def _task(place: Place, instance: Instance, task_id: TaskId, caller: Caller, now: int) -> Task:
    unit, args = instance.unit, instance.args
    return Task(
        id=task_id,
        kind=unit.kind,
        unit=unit.name,
        description=unit.description,
        argv=(*render(unit.exec, instance.parameters), *args.argv),
        params=tuple(instance.params.items()),
        parameters=instance.parameters,
        properties=unit.properties,
        user=unit.user or place.default_user,
        directory="/".join((instance.root_directory, *task_id.directory)),
        root_directory=instance.root_directory,
        chunks=_chunks(instance),
        cpus=_cpus(instance),
        expected_usec=_expected(instance),
        priority=unit.priority if args.priority is None else args.priority,
        deadline_usec=_deadline(instance, now),
        tag=args.tag,
        keep_success=unit.keep_success,
        keep_failed=unit.keep_failed,
        uid=caller.uid,
        boot_id=place.boot_id,
        submitted_usec=now,
        started_usec=now,
    )


def _chunks(instance: Instance) -> int:
    return instance.unit.chunks if instance.args.chunks is None else instance.args.chunks


def _cpus(instance: Instance) -> int:
    return instance.unit.cpus if instance.args.cpus is None else instance.args.cpus


def _expected(instance: Instance) -> int | None:
    return instance.args.expected_usec or instance.unit.expected_usec


def _deadline(instance: Instance, now: int) -> int | None:
    if instance.args.deadline_usec is not None:
        return instance.args.deadline_usec
    return None if instance.unit.deadline_usec is None else now + instance.unit.deadline_usec
