# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which versions of a task keep their directory: the newest KeepSuccess= and the newest KeepFailed= of them."""

from __future__ import annotations

from collections.abc import Iterable

from sd_taskpacker.model.task import Task, TaskState


def surplus(kept: Iterable[Task], *, keep_success: int, keep_failed: int) -> list[Task]:
    """`kept`: ended tasks of one name, newest first."""
    room = {TaskState.COMPLETE: keep_success, TaskState.FAILED: keep_failed}
    beyond = []
    for task in kept:
        if room.get(task.state, 0) > 0:
            room[task.state] -= 1
        else:
            beyond.append(task)
    return beyond
