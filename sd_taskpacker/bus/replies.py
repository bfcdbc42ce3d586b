# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service answers, as plain values. (Not those of `engine.ports`: a client would load the whole model.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to one request of BatchSubmit or BatchQueue."""

    accepted: tuple[str, ...]
    """Ids: of what started, and with BatchQueue of what waits too."""
    rejected: tuple[str, ...]
    """Names, `NAME?param=value` for a fan-out instance. There is no room for them: now, or for BatchQueue ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One entry of BatchTest: what BatchQueue would do."""

    name: str
    verdict: str
    """`now`, `later` or `never`."""
    start: int
    """usec, CLOCK_REALTIME: the start that is promised; 0 for never."""
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One entry of Explain."""

    resource: str
    verdict: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """One entry of ListEvents; `id` is empty where the event is not about a task."""

    sequence: int
    time: int
    id: str
    event: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """One entry of ListUnits."""

    name: str
    kind: str
    path: str
    description: str
    loaded: bool
