# SPDX-License-Identifier: LGPL-2.1-or-later
"""A unit's properties -> what is known of the task that it is: bus.properties, backwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sd_taskpacker.bus.properties import SLICE_VARIABLE
from sd_taskpacker.engine.ports import FoundUnit
from sd_taskpacker.model.names import BATCH_SLICE, WORKORDER_SLICE, TaskId
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.unit import Kind

_KINDS: Final = {BATCH_SLICE: Kind.BATCH, WORKORDER_SLICE: Kind.WORKORDER}


def found(task_id: TaskId, unit: Mapping[str, Any], service: Mapping[str, Any]) -> FoundUnit | None:
    """`unit` and `service` are its properties on these two interfaces (org.freedesktop.systemd1(5)). None for a unit
    that has a name like ours, and not the environment that we give."""
    environment = dict(entry.partition("=")[::2] for entry in service.get("Environment", ()))
    kind = _KINDS.get(environment.get(SLICE_VARIABLE, ""))
    directory = environment.get("TASKPACKER_RESULTS", "").removesuffix("/results")
    if kind is None or not directory.endswith("/" + "/".join(task_id.directory)):
        return None
    commands = service.get("ExecStart") or [["", []]]
    memory = service.get("MemoryMax", INFINITY)
    return FoundUnit(
        id=task_id,
        kind=kind,
        description=str(unit.get("Description", "")).removeprefix(str(task_id)).removeprefix(" - "),
        argv=tuple(commands[0][1]),
        user=service.get("User") or None,
        directory=directory,
        memory_max=None if memory == INFINITY else memory,
        started_usec=unit.get("InactiveExitTimestamp", 0),
    )
