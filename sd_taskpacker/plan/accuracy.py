# SPDX-License-Identifier: LGPL-2.1-or-later
"""How well expected times have been kept lately: it decides how far a plan is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = 0.5
ENOUGH: Final = 20
"""Runs, before which nothing is known."""
MEMORY: Final = 100
"""Runs, after which one is as good as forgotten."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The mean share of its expected time that a run took, 1 for those that took longer; of `runs` runs."""

    mean: float = 0.0
    runs: int = 0

    @property
    def value(self) -> float:
        return self.mean if self.runs >= ENOUGH else UNKNOWN

    def after(self, took: int, expected: int) -> Accuracy:
        """With one run more; both in usec."""
        share = min(1.0, max(0, took) / max(1, expected))
        runs = min(self.runs + 1, MEMORY)
        return Accuracy(self.mean + (share - self.mean) / runs, runs)
