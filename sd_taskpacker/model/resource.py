# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resources, claims and leases. Memory (in chunks) and CPUs are resources like any that will come later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MEMORY: Final = "memory"
CPU: Final = "cpu"

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


def claims(*, chunks: int, cpus: int) -> Claims:
    return {MEMORY: chunks, CPU: cpus}
