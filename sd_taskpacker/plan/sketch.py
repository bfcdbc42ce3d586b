# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sketch: what an order makes of this moment. Who starts now, where the next ones would come, and what it costs.

Only so many get a place in the future (the reservation depth of Maui and Slurm); the others start now if that delays
none of these, as in EASY backfilling (Lifka, JSSPP 1995), which is the depth of one. The cost is the weighted waiting
of all of them, one figure for each priority.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.plan.pace import SECOND
from sd_taskpacker.plan.profile import Profile
from sd_taskpacker.plan.ranking import Entry

Cost = tuple[float, ...]
"""Of each priority, the highest first."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Sketch:
    order: Sequence[Entry]
    starts: dict[int, int]
    """Index in the order -> start (usec), for those that have a place."""
    cost: Cost

    def is_better_than(self, other: Sketch) -> bool:
        """A higher priority decides, and a lower one where it makes no difference."""
        for mine, theirs in zip(self.cost, other.cost, strict=True):
            if abs(mine - theirs) > _ROUNDING * theirs:
                return mine < theirs
        return False

    def starting(self, now: int) -> list[int]:
        """Indices of those that start now."""
        return [index for index, start in self.starts.items() if start == now]


@dataclass(frozen=True, slots=True)
class Scene:
    """What all sketches of a moment have in common."""

    now: int
    running: Profile
    promised: Sequence[Profile]
    """For each level, with its slots and those of higher ones."""
    guards: int
    least: int
    """What the smallest of all that wait would need: nobody fits where this does not."""
    far: float
    """Seconds: how long it is taken to wait who has no place in a sketch."""
    weights: Sequence[float]
    """The sum of all weights, for each level."""

    def might_start(self, entry: Entry) -> bool:
        """Whether it fits into what is free now, if nobody else starts."""
        return (self.running.room() - entry.probe) & self.guards == self.guards

    def sketch(self, order: Sequence[Entry], depth: int) -> Sketch:
        now, guards, least, far = self.now, self.guards, self.least, self.far
        future = self.running.copy()
        promised = [profile.copy() for profile in self.promised]
        cost = [weight * far for weight in self.weights]
        starts: dict[int, int] = {}
        reserved = 0
        head = future.head
        for index, entry in enumerate(order):
            room = future.room()
            if reserved >= depth:
                if (room - least) & guards != guards:
                    break
                if (room - entry.probe) & guards != guards:
                    continue
            duration = entry.candidate.duration
            starts_now = future.fits(entry.probe, duration, head)
            not_before = now
            if starts_now:
                not_before = _start(entry, promised)
                starts_now = not_before == now
            if starts_now:
                step = head
            elif reserved < depth and not entry.candidate.now_only:
                reserved += 1
                step = future.earliest(entry.probe, duration, head if not_before == now else future.cut(not_before))
            else:
                continue
            start = starts[index] = future.time(step)
            future.reserve(step, duration, entry.need)
            saved = far - (start - now) / SECOND
            if saved > 0:
                cost[entry.level] -= entry.weight * saved
        return Sketch(order, starts, tuple(cost))


def _start(entry: Entry, promised: Sequence[Profile]) -> int:
    """Now, and then all profiles have it; or the first time at which it leaves the promises alone."""
    duration = entry.candidate.duration
    own = promised[entry.level]
    slot = entry.slot
    if slot is not None:
        own.reserve(own.cut(slot), duration, -entry.need)
    if own.fits(entry.probe, duration, own.head):
        for profile in promised[entry.level :]:
            if profile is not own and slot is not None:
                profile.reserve(profile.cut(slot), duration, -entry.need)
            profile.reserve(profile.head, duration, entry.need)
        return own.time(own.head)
    later = own.time(own.earliest(entry.probe, duration, own.head))
    if slot is not None:
        own.reserve(own.cut(slot), duration, entry.need)
    return later
