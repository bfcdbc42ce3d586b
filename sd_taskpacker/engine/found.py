# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task made of what systemd tells of its unit, where the record is lost: so it is charged, its end is told, and no
other one takes its name. What systemd does not know (parameters, who asked for it, CPUs) has the usual values.
"""

from __future__ import annotations

from typing import Final

from sd_taskpacker.engine.ports import FoundUnit
from sd_taskpacker.model.quantities import CHUNK_BYTES, SIZES
from sd_taskpacker.model.task import Task

KEPT: Final = 1_000
"""Versions, as for a unit that does not say."""


def task_of(unit: FoundUnit, boot_id: str, now: int) -> Task:
    """One that runs in this boot. Where systemd cannot tell when it began, that is `now`."""
    began = unit.started_usec or now
    return Task(
        id=unit.id,
        kind=unit.kind,
        unit=unit.id.name.rpartition("/")[2],
        description=unit.description,
        argv=unit.argv,
        params=(),
        parameters={},
        properties=(),
        user=unit.user,
        directory=unit.directory,
        root_directory=unit.directory.removesuffix("/" + "/".join(unit.id.directory)),
        chunks=SIZES["small"] if unit.memory_max is None else -(-unit.memory_max // CHUNK_BYTES),
        cpus=1,
        expected_usec=None,
        priority=0,
        deadline_usec=None,
        tag="",
        keep_success=KEPT,
        keep_failed=KEPT,
        uid=0,
        boot_id=boot_id,
        submitted_usec=began,
        started_usec=began,
    )
