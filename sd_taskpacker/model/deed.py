# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody wants to do, as a rule of an admin's may judge it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind, TaskUnit


class Action(StrEnum):
    """polkit's name of it."""

    SUBMIT = "org.sdtaskpacker1.submit"
    START_WORKORDER = "org.sdtaskpacker1.start-workorder"
    MANAGE = "org.sdtaskpacker1.manage"


class Permit(StrEnum):
    YES = "yes"
    NO = "no"
    CHALLENGE = "challenge"
    """Only after somebody has proved who they are, and this call does not wait for that."""


_TO_START: Final = {Kind.BATCH: Action.SUBMIT, Kind.WORKORDER: Action.START_WORKORDER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """`verb` is the method, in words; unit, root and size (bytes) are empty where it is not about a task."""

    action: Action
    verb: str
    unit: str = ""
    root: str = ""
    size: int | None = None

    @classmethod
    def of_unit(cls, unit: TaskUnit, chunks: int) -> Deed:
        """To have a task of that unit, which will be a root: only tasks have children, and no rule is about them."""
        return cls(
            action=_TO_START[unit.kind], verb="submit", unit=unit.name, root=unit.name, size=chunks * CHUNK_BYTES
        )

    @classmethod
    def of_appending(cls, unit: TaskUnit, chunks: int) -> Deed:
        """The same, with arguments of the caller's own for a command that runs as root."""
        return dataclasses.replace(cls.of_unit(unit, chunks), action=Action.MANAGE)

    @classmethod
    def of_owner(cls, task: Task, verb: str) -> Deed:
        """What a submitter does to a task of his takes no more than to submit it."""
        return cls(action=_TO_START[task.kind], verb=verb, unit=task.unit, root=task.id.root, size=task.memory_max)

    @classmethod
    def of_manager(cls, verb: str, *, task: Task | None = None, root: str = "") -> Deed:
        if task is None:
            return cls(action=Action.MANAGE, verb=verb, root=root)
        return cls(action=Action.MANAGE, verb=verb, unit=task.unit, root=task.id.root, size=task.memory_max)
