# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service's plan (GetPlan json, as drawing.as_json writes it) read back into a view."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.errors import Unreachable
from sd_taskpacker.model.unit import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the plan says of some tasks: when the last of them ends (usec, None where none has a place), and how many
    have no place."""

    end: int | None = None
    unplaced: int = 0


def view_of(text: str) -> PlanView:
    """Raises Unreachable when it is not such a plan: client and service differ in version then."""
    try:
        found = json.loads(text)
        return PlanView(
            now=int(found["now"]),
            chunks=int(found["budget"]["chunks"]),
            cpus=int(found["budget"]["cpus"]),
            bars=tuple(map(_bar, found["tasks"])),
            unplaced=tuple(map(_unplaced, found["unplaced"])),
            draining=bool(found["draining"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "client and service differ in version: systemctl restart sd-taskpacker; tasks go on meanwhile"
        raise Unreachable(
            f"The running sd-taskpacker answered a plan that cannot be read: {error!r}", hint=hint
        ) from None


def outlook(view: PlanView, ids: Collection[str]) -> Outlook:
    wanted = frozenset(ids)
    ends = [max(bar.end, view.now) for bar in view.bars if bar.id in wanted]
    return Outlook(end=max(ends, default=None), unplaced=sum(each.id in wanted for each in view.unplaced))


def _bar(task: Mapping[str, Any]) -> Bar:
    return Bar(
        id=str(task["id"]),
        label=str(task["label"]),
        kind=Kind(task["kind"]),
        running=task["state"] == "running",
        start=int(task["start"]),
        end=int(task["end"]),
        latest=task["latest"],
        chunks=int(task["chunks"]),
        cpus=int(task["cpus"]),
        priority=int(task["priority"]),
        deadline=task["deadline"],
        overdue=bool(task["overdue"]),
    )


def _unplaced(task: Mapping[str, Any]) -> Unplaced:
    return Unplaced(id=str(task["id"]), label=str(task["label"]), reasons=tuple(map(str, task["reasons"])))
