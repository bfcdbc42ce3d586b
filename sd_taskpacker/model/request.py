# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a caller asks for, as decoded from the bus and before any check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.values import Value


@dataclass(frozen=True, slots=True)
class Request:
    """One entry of BatchSubmit or WorkorderStart."""

    unit: str
    args: Mapping[str, Value]
    params: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, known from the bus's credentials only."""

    uid: int
    may_manage: bool
    may_submit: bool
    task: TaskId | None = None
    """The running task whose systemd unit the calling process belongs to."""
    ruled: bool = False
    """Whether polkit decides, where there is polkit; else the two flags above do: for root, for a task, and for a
    user instance."""
    name: str = field(default="", compare=False)
    """The unique name of its connection."""
    interactive: bool = field(default=False, compare=False)
    """It waits while a person is asked for a password."""
