# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong with a unit file: every problem with its file, line and key, collected and shown all at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    WARNING = "warning"
    """The unit is used; the setting has no effect."""
    ERROR = "error"
    """The unit is refused; its previous good definition stays in force."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    path: str
    line: int
    """Counts from 1; 0 when the problem is the file as a whole (a missing key, an unreadable file)."""
    key: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {self.severity}: {key}{self.message}"
