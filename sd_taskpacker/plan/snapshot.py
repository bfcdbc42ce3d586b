# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that the planner may see, and all that it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sd_taskpacker.model.resource import Claims, Lease, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A task that wants to run. Times in usec, CLOCK_REALTIME."""

    key: str
    claims: Claims
    duration: int
    priority: int
    deadline: int | None = None
    submitted: int
    now_only: bool = False
    """Placed at this very moment or not at all: what BatchSubmit asks for."""
    promised: int | None = None
    """The start that it was shown when it was queued; it is placed then or earlier. None: it comes new."""
    runs_late: bool = False
    """It is placed even where it would end after its deadline."""
    assumed: bool = False
    """Nobody knows how long it takes, so only a start after its deadline is too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    now: int
    resources: tuple[Resource, ...]
    leases: tuple[Lease, ...] = ()
    """Held ones; `end` is what was declared at the start."""
    waiting: tuple[Candidate, ...] = ()
    accuracy: float = 0.5
    """How much of their expected time tasks took lately, on average; 1: they took all of it."""
    pace: float = 0.0
    """Seconds: how long things take here, see plan.pace; 0 where nobody knows."""


class Verdict(StrEnum):
    NEVER = "never"
    """More than there is, whoever waits."""
    DEADLINE = "deadline"
    """It would end too late."""
    NOT_NOW = "not-now"
    """Something is short at this moment."""
    NOW = "now"
    """It has its place."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate has no place: the resource (or `deadline`), and a sentence for a person."""

    resource: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every lease, present and future, and a reason for whatever is not placed."""

    now: int
    held: tuple[Lease, ...] = ()
    """As in the snapshot, with the ends that are expected now."""
    placed: tuple[Lease, ...] = ()
    """In the order in which they were placed."""
    promised: Mapping[str, int] = field(default_factory=dict)
    """What is promised to those that come new, and are not refused: the latest start. So much is promised even to who
    starts now."""
    unplaced: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    backlog: float = 0.0
    """Seconds that the whole machine would need for what runs and waits, as declared; 0 while nothing waits."""
    free: Mapping[str, int] = field(default_factory=dict)
    """What is left of each resource at this moment, after everything that is due has started."""

    @property
    def due(self) -> frozenset[str]:
        """Whose place begins now."""
        return frozenset(lease.owner for lease in self.placed if lease.start == self.now)
