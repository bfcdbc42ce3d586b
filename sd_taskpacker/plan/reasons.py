# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why claims do not fit, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sd_taskpacker.model.quantities import CHUNK_BYTES, format_bytes, format_span
from sd_taskpacker.model.resource import CPU, MEMORY, Claims, unit_of
from sd_taskpacker.plan.snapshot import Reason, Verdict

_SECOND: Final = 1_000_000


def too_large(claims: Claims, capacity: Mapping[str, int]) -> tuple[Reason, ...]:
    """What is wanted of more than there is, whoever waits; empty when it fits some day."""
    return tuple(
        Reason(name, Verdict.NEVER, f"wants {amount(name, wanted)}, there is {amount(name, capacity.get(name, 0))}")
        for name, wanted in claims.items()
        if wanted > capacity.get(name, 0)
    )


def lacking(claims: Claims, free: Mapping[str, int]) -> tuple[Reason, ...]:
    """What is short at this moment; empty when it fits."""
    return tuple(
        Reason(name, Verdict.NOT_NOW, _short(name, wanted, max(0, free.get(name, 0))))
        for name, wanted in claims.items()
        if wanted > 0 and wanted > free.get(name, 0)
    )


def reserved(claims: Claims) -> tuple[Reason, ...]:
    """It fits at this instant and still has no place: something that waits needs the room within its time."""
    return tuple(
        Reason(name, Verdict.NOT_NOW, "is promised to a task that waits and would be delayed")
        for name, wanted in claims.items()
        if wanted > 0
    )


def amount(resource: str, number: int) -> str:
    """`256M`, `1 CPU`, `2 tasks of massif`."""
    if resource == MEMORY:
        return format_bytes(number * CHUNK_BYTES)
    unit = unit_of(resource)
    plural = "" if number == 1 else "s"
    if unit is not None:
        return f"{number} task{plural} of {unit}"
    return f"{number} {'CPU' if resource == CPU else resource}{plural}"


def span(usec: int) -> str:
    """To the second, rounded up: nobody plans by microseconds."""
    return format_span(-(-usec // _SECOND) * _SECOND) if usec > 0 else "0s"


def _short(resource: str, wanted: int, free: int) -> str:
    unit = unit_of(resource)
    if unit is not None:
        return f"as many tasks of {unit} run as its MaxRunning= allows"
    verb = "is" if resource == MEMORY or free == 1 else "are"
    return f"wants {amount(resource, wanted)}, {amount(resource, free)} {verb} free"
