# SPDX-License-Identifier: LGPL-2.1-or-later
"""estimatedSlotsRemaining: how many more tasks of each named size would start now with one CPU each (S34)."""

from __future__ import annotations

from sd_taskpacker.model.quantities import SIZES
from sd_taskpacker.model.resource import CPU, MEMORY, Claims

Slots = tuple[int, int, int, int]


def estimated_slots(free: Claims) -> Slots:
    """In the order tiny, small, medium, large; `free` is a Plan's and so never below zero."""
    chunks, cpus = free.get(MEMORY, 0), free.get(CPU, 0)
    tiny, small, medium, large = (min(chunks // size, cpus) for size in SIZES.values())
    return (tiny, small, medium, large)
