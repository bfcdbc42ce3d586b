# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is to draw. Times are usec of CLOCK_REALTIME, memory is in chunks of 32 MiB."""

from __future__ import annotations

from dataclasses import dataclass

from sd_taskpacker.model.unit import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A task that runs, or that waits and has its place in the plan."""

    id: str
    label: str
    """What people see; it may hold anything."""
    kind: Kind
    running: bool
    """Otherwise it waits."""
    start: int
    end: int
    """Expected; not before `start`."""
    latest: int | None = None
    """It was promised to start no later than this; None where nothing was promised."""
    chunks: int
    cpus: int
    priority: int
    deadline: int | None = None
    overdue: bool = False
    """It has run longer than was expected of it."""

    @property
    def late(self) -> bool:
        """It will end after its deadline."""
        return self.deadline is not None and self.end > self.deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A task that waits and has no place in the plan."""

    id: str
    label: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """The plan at one moment. `chunks` and `cpus` are the budget; what runs may exceed it (workorders)."""

    now: int
    chunks: int
    cpus: int
    bars: tuple[Bar, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    draining: bool = False
    """Nothing new is started until somebody says `Resume`."""
