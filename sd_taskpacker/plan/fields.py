# SPDX-License-Identifier: LGPL-2.1-or-later
"""Amounts of all resources in one integer, so that one subtraction compares all of them.

Each resource has a field of 64 bits: the amount plus a bias, since free capacity goes below zero where workorders
overcommit, and a guard bit on top, which a subtraction clears in exactly those fields where more was wanted than
there was (Lamport, Multiple byte processing with full-word instructions, CACM 18(8), 1975). Python's integers have
as many fields as there are resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sd_taskpacker.model.resource import Claims, Resource

_WIDTH: Final = 64
_BIAS: Final = 1 << (_WIDTH - 2)
_MASK: Final = (1 << (_WIDTH - 1)) - 1


class Fields:
    """`guards` has every guard bit set; `capacity` is the room when nothing is taken; `floor`, without guards, is the
    one when nothing is free."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._shifts = {resource.name: index * _WIDTH for index, resource in enumerate(resources)}
        self.guards = sum(1 << (shift + _WIDTH - 1) for shift in self._shifts.values())
        self.floor = sum(_BIAS << shift for shift in self._shifts.values())
        amounts = {resource.name: resource.capacity for resource in resources}
        self.capacity = self.guards + self.floor + self.need(amounts)

    def need(self, claims: Claims) -> int:
        """What a claim takes from a room; of a resource that is not there, nothing."""
        shifts = self._shifts
        return sum(amount << shifts[name] for name, amount in claims.items() if name in shifts)

    def probe(self, claims: Claims) -> int:
        """The claim fits into a room when `(room - probe) & guards == guards`. Who wants nothing of a resource does
        not mind that it is overcommitted."""
        shifts = self._shifts
        return sum((amount + _BIAS) << shifts[name] for name, amount in claims.items() if amount > 0)

    def least(self, probes: Iterable[int]) -> int:
        """What fits wherever any of the probes does."""
        each = list(probes)
        return sum(min((probe >> shift) & _MASK for probe in each) << shift for shift in self._shifts.values())

    def amounts(self, room: int) -> dict[str, int]:
        """How much of each resource a room has; below zero where it is overcommitted."""
        return {name: ((room >> shift) & _MASK) - _BIAS for name, shift in self._shifts.items()}
