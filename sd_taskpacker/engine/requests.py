# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests, checked: each one becomes an instance of a known unit, or one instance per element of its fan-out.

Whatever is malformed fails the whole call, with an error that names the request and the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sd_taskpacker.engine.limits import call_exceeded, request_exceeded
from sd_taskpacker.engine.state import State
from sd_taskpacker.errors import Decommissioned, InvalidArgs, LimitExceeded, NoSuchUnit, TaskpackerError
from sd_taskpacker.model.args import Args, parse_args
from sd_taskpacker.model.command import spell
from sd_taskpacker.model.config import Limits
from sd_taskpacker.model.excerpt import MAX_SHOWN, excerpt
from sd_taskpacker.model.names import TaskId, child_name
from sd_taskpacker.model.parameters import check, fan_out, fan_out_size
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.serials import Serial, check_given
from sd_taskpacker.model.unit import Catalogue, Kind, TaskUnit
from sd_taskpacker.model.values import Value

MAX_PATH: Final = 4095 - len("/results/output.txt")
"""PATH_MAX without its final NUL, less what lies below a work directory."""

_LONGEST_SERIAL: Final = "00000000.999999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    request: int
    """Index of the request that asked for it."""
    label: str
    """What a rejection is called: the unit's name, `NAME?param=value` when it is one of a fan-out."""
    unit: TaskUnit
    args: Args
    name: str
    root_directory: str
    params: Mapping[str, Value]
    """As submitted, one value each."""
    parameters: dict[str, Any]
    """Checked and complete."""

    @property
    def size(self) -> int:
        """About how many characters of the caller's the task will carry."""
        return sum(map(len, self.args.argv)) + sum(len(str(value)) for value in self.parameters.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this daemon keeps things, and what it gives to every task."""

    state_directory: str
    boot_id: str
    default_user: str | None
    """Whom a task runs as when its unit does not say; None in a user instance."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What requests are checked against. `taken`: those of the asked-for versions that history already knows."""

    state: State
    catalogue: Catalogue
    place: Place
    taken: frozenset[TaskId] = frozenset()
    on_disk: Mapping[str, Serial] = field(default_factory=dict)
    """Task name -> the newest version whose directory was there when the name was first asked for: the store may know
    less, if it is an older one, or new."""


def examine(office: Office, kind: Kind, caller: Caller, requests: Sequence[Request], now: int) -> list[Instance]:
    """Raises TaskpackerError; then nothing of the call is to be done."""
    limits = office.place.limits
    if len(requests) > limits.tasks_per_call:
        raise call_exceeded(
            f"{len(requests)} requests in one call; at most {limits.tasks_per_call}", "tasks_per_call"
        )
    instances: list[Instance] = []
    versions = set(office.taken)
    size = 0
    for index, request in enumerate(requests):
        try:
            for instance in _instances(office, kind, caller, request, index, now):
                instances.append(instance)
                size += instance.size
                _check_call(limits, len(instances), size)
            _claim_version(office, instances[-1], versions, now)
        except TaskpackerError as error:
            raise type(error)(
                f"request {index + 1} ({excerpt(request.unit)}): {error.message}", hint=error.hint
            ) from None
    return instances


def _check_call(limits: Limits, tasks: int, size: int) -> None:
    """A fan-out repeats what it is given for each of its tasks."""
    if tasks > limits.tasks_per_call:
        raise call_exceeded(f"more than {limits.tasks_per_call} tasks in one call", "tasks_per_call")
    if size > limits.mebibytes_per_call << 20:
        raise call_exceeded(
            f"the tasks' parameters are more than {limits.mebibytes_per_call} MiB", "mebibytes_per_call"
        )


def _instances(
    office: Office, kind: Kind, caller: Caller, request: Request, index: int, now: int
) -> Iterator[Instance]:
    unit = _find(office.catalogue, kind, request.unit)
    args = parse_args(request.args, kind, now)
    count = fan_out_size(unit.parameters, request.params)
    most = office.place.limits.tasks_per_call
    if count > most:
        text = f"its parameters fan out to {count} tasks; at most {most} in one call"
        raise request_exceeded(text, "tasks_per_call")
    if count > 1 and args.version is not None:
        raise InvalidArgs("args key 'version': one version cannot name a fan-out of several tasks")
    name = _task_name(office, caller, unit)
    root_directory = directory_of_root(office.state, office.place, caller, unit)
    _check_lengths(name, args.version or _LONGEST_SERIAL, root_directory)
    for params in fan_out(unit.parameters, request.params):
        varied = [key for key in params if params[key] != request.params[key]]
        yield Instance(
            request=index,
            label=f"{unit.name}?{','.join(f'{key}={_shown(params[key])}' for key in varied)}"
            if varied
            else unit.name,
            unit=unit,
            args=args,
            name=name,
            root_directory=root_directory,
            params=params,
            parameters=check(unit.parameters, params),
        )


def _find(catalogue: Catalogue, kind: Kind, name: str) -> TaskUnit:
    unit = catalogue.find(kind, name)
    if unit is not None:
        return unit
    if any(refused.name == name and refused.kind is kind for refused in catalogue.refused):
        raise NoSuchUnit(f"the {kind} unit has errors and is not used", hint="GetUnitProblems tells which")
    for other in Kind:
        if other is not kind and catalogue.find(other, name):
            method = "BatchSubmit" if other is Kind.BATCH else "WorkorderStart"
            raise NoSuchUnit(f"this is a {other}, not a {kind}", hint=f"use {method}")
    raise NoSuchUnit(f"there is no such {kind} unit", hint="ListUnits shows what there is")


def _task_name(office: Office, caller: Caller, unit: TaskUnit) -> str:
    name = child_name(caller.task, unit.name)
    root = name.partition("/")[0]
    if name.count("/") >= office.place.limits.depth:
        raise LimitExceeded(
            f"tasks that ask for tasks go {office.place.limits.depth} deep and no deeper",
            hint="does one ask for itself without end? [limits] of taskpacker.toml has depth",
        )
    if office.state.is_decommissioned(root):
        raise Decommissioned(f"the root '{root}' is decommissioned", hint="Recommission opens it again")
    return name


def directory_of_root(state: State, place: Place, caller: Caller, unit: TaskUnit) -> str:
    """Where the tasks lie that `caller` asks for."""
    parent = state.task(caller.task) if caller.task else None
    if parent is not None:
        return parent.root_directory
    root = child_name(caller.task, unit.name).partition("/")[0]
    return unit.directory or f"{place.state_directory}/{root}"


def _check_lengths(name: str, version: str, root_directory: str) -> None:
    try:
        task_id = TaskId.make(name, version)
    except ValueError as error:
        raise InvalidArgs(str(error)) from None
    if len("/".join((root_directory, *task_id.directory)).encode()) > MAX_PATH:
        raise InvalidArgs(f"its work directory would have a path of more than {MAX_PATH} bytes")


def _claim_version(office: Office, instance: Instance, versions: set[TaskId], now: int) -> None:
    if instance.args.version is None:
        return
    try:
        check_given(instance.args.version, office.state.serial(instance.name), now)
    except ValueError as error:
        raise InvalidArgs(f"args key 'version': {error}", hint="leave the version out, or take another") from None
    task_id = TaskId.make(instance.name, instance.args.version)
    if task_id in versions or office.state.task(task_id) is not None:
        raise InvalidArgs(
            f"args key 'version': {task_id} is there already", hint="leave the version out, or take another"
        )
    versions.add(task_id)


def _shown(value: Value) -> str:
    """In a label: as it is when it is short and harmless, so that a client finds its own value again."""
    text = spell(value.data)
    return text if len(text) <= MAX_SHOWN and text.isprintable() else excerpt(text)
