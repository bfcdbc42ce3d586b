# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resources, claims and leases. Memory (in chunks) and CPUs are resources like any that will come later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MEMORY: Final = "memory"
CPU: Final = "cpu"
_UNIT: Final = "unit:"

Claims = Mapping[str, int]
"""How much of which resource; a resource that is not named is not claimed."""


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """All of the claims, or none, from `start` to `end` (usec, CLOCK_REALTIME)."""

    owner: str
    claims: Claims
    start: int
    end: int


@lru_cache(maxsize=1024)
def claims(*, chunks: int, cpus: int, limited_unit: str | None = None) -> Claims:
    """`limited_unit`: the unit, when no more than so many tasks of it may run at once. Equal ones are one object."""
    amounts = {MEMORY: chunks, CPU: cpus}
    return amounts if limited_unit is None else amounts | {unit_resource(limited_unit): 1}


def unit_resource(unit: str) -> str:
    """What `MaxRunning=` makes of a batch unit: each of its tasks that runs takes one."""
    return _UNIT + unit


def unit_of(resource: str) -> str | None:
    """The other way round; None for a resource that is no unit's."""
    return resource.removeprefix(_UNIT) if resource.startswith(_UNIT) else None
