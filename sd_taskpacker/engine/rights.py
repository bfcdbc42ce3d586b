# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what to which task. All of it raises AccessDenied."""

from __future__ import annotations

from sd_taskpacker.errors import AccessDenied
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Task


def must_submit(caller: Caller) -> None:
    if not caller.may_submit:
        raise AccessDenied(
            f"uid {caller.uid} may not submit", hint="only root, the configured group (taskpacker) and tasks may"
        )


def must_manage(caller: Caller) -> None:
    if not caller.may_manage:
        raise AccessDenied(
            f"uid {caller.uid} may not manage", hint="only root and the configured group (taskpacker) may"
        )


def must_own(caller: Caller, task: Task, deed: str) -> None:
    """Its submitter may, as long as he may submit, and whoever manages; a task never."""
    if not (caller.may_manage or (caller.task is None and caller.may_submit and caller.uid == task.uid)):
        raise AccessDenied(
            f"{task.id} belongs to uid {task.uid}", hint=f"only its submitter or a manager may {deed} it"
        )
