# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small situations: units, tasks, receipts with defaults, so that a test says only what it is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from sd_taskpacker.engine.ports import Budget, Receipt, Remembered
from sd_taskpacker.engine.requests import Office, Place
from sd_taskpacker.engine.state import State
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Outcome, Result, Task, TaskState
from sd_taskpacker.model.unit import Catalogue, Kind, Parameter, TaskUnit, Word
from sd_taskpacker.model.values import Value

_T = TypeVar("_T")

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
"""2027-01-15 08:00 UTC."""
TODAY = "20270115"
BOOT = "this-boot"
PLACE = Place(state_directory="/state", boot_id=BOOT, default_user="taskpacker")
ADMIN = Caller(uid=0, may_manage=True, may_submit=True)


def unit(name: str = "job", **changes: Any) -> TaskUnit:
    plain = TaskUnit(
        name=name,
        kind=Kind.BATCH,
        path=f"/units/{name}.batch",
        exec=(Word(("/bin/true",)),),
        chunks=4,
        cpus=0,
        keep_success=5,
        keep_failed=5,
    )
    return dataclasses.replace(plain, **changes)


def parameter(name: str = "target", **changes: Any) -> Parameter:
    return dataclasses.replace(Parameter(name=name), **changes)


def catalogue(*units: TaskUnit) -> Catalogue:
    return Catalogue(units={(one.kind, one.name): one for one in units})


def task(name: str = "job", version: str = f"{TODAY}.0", **changes: Any) -> Task:
    task_id = TaskId.make(name, version)
    plain = Task(
        id=task_id,
        kind=Kind.BATCH,
        unit=name.rpartition("/")[2],
        description="",
        argv=("/bin/true",),
        params=(),
        parameters={},
        properties=(),
        user=None,
        directory="/".join((f"/state/{task_id.root}", *task_id.directory)),
        root_directory=f"/state/{task_id.root}",
        chunks=4,
        cpus=0,
        expected_usec=None,
        priority=100,
        deadline_usec=None,
        tag="",
        keep_success=5,
        keep_failed=5,
        uid=0,
        boot_id=BOOT,
        submitted_usec=NOW,
        started_usec=NOW,
    )
    return dataclasses.replace(plain, **changes)


def waiting(name: str = "job", version: str = f"{TODAY}.0", **changes: Any) -> Task:
    return task(name, version, **({"state": TaskState.WAITING, "started_usec": 0} | changes))


def ended(running: Task, result: Result = Result.SUCCESS, at: int = NOW) -> Task:
    return running.ended(Outcome(result=result, ended_usec=at))


def state(*open_tasks: Task, chunks: int = 32, cpus: int = 4, **remembered: Any) -> State:
    return State(Remembered(open=open_tasks, **remembered), Budget(memory=chunks * CHUNK_BYTES, cpus=cpus))


async def at_once(think: Callable[[int], _T], now: int) -> _T:
    """In place of a thread."""
    return think(now)


def office(*units: TaskUnit, of: State | None = None, **changes: Any) -> Office:
    plain = Office(state=of or state(), catalogue=catalogue(*units), place=PLACE)
    return dataclasses.replace(plain, **changes)


def request(name: str = "job", args: dict[str, Value] | None = None, **params: Any) -> Request:
    return Request(name, args or {}, {key: value(data) for key, data in params.items()})


def value(data: Any) -> Value:
    if isinstance(data, Value):
        return data
    if isinstance(data, list):
        return Value("a" + value(data[0]).signature if data else "as", data)
    return Value({bool: "b", int: "x", float: "d"}.get(type(data), "s"), data)


def receipt(
    service_result: str = "success", exit_code: str = "exited", exit_status: str = "0", **more: Any
) -> Receipt:
    return Receipt(
        service_result=service_result, exit_code=exit_code, exit_status=exit_status, ended_usec=NOW + SECOND, **more
    )
