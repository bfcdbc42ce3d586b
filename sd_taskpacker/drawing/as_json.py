# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan for programs: one line of ASCII, nothing left out. Keys are only ever added.

    format      1
    now         when the plan was made
    draining    nothing new is started
    budget      {"chunks", "cpus"}
    used        {"chunks", "cpus"} of what runs now; may be above the budget
    free        {"chunks", "cpus"}, never below 0
    chunk_bytes bytes in a chunk
    tasks       what runs, then what waits for its planned start, each in the order of starts:
                {"id", "label", "kind": "workorder" or "batch", "state": "running" or "waiting",
                 "start", "end": expected, "latest": the promised start or null, "deadline" or null,
                 "chunks", "cpus", "priority", "overdue": runs longer than expected, "late": ends after its deadline}
    unplaced    what waits without a place: {"id", "label", "reasons": [text, ...]}

Times are usec since the epoch (CLOCK_REALTIME). Of what waits, `start` is expected and `latest` is certain as long as
nothing runs longer than expected; where many wait, the plan of the far future is the rougher of the two, and `start`
may then be the later one.
"""

from __future__ import annotations

import json
from typing import Final

from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.drawing.words import used
from sd_taskpacker.model.quantities import CHUNK_BYTES

FORMAT: Final = 1


def render(view: PlanView) -> str:
    chunks, cpus = used(view)
    document = {
        "format": FORMAT,
        "now": view.now,
        "draining": view.draining,
        "budget": {"chunks": view.chunks, "cpus": view.cpus},
        "used": {"chunks": chunks, "cpus": cpus},
        "free": {"chunks": max(0, view.chunks - chunks), "cpus": max(0, view.cpus - cpus)},
        "chunk_bytes": CHUNK_BYTES,
    }
    bars = sorted(view.bars, key=lambda bar: (not bar.running, bar.start, len(bar.id), bar.id))
    # One by one: the encoder gives the interpreter to no other thread before it is done.
    tasks = ",".join(_dump(_task(bar)) for bar in bars)
    unplaced = ",".join(_dump(_unplaced(one)) for one in view.unplaced)
    return f'{_dump(document)[:-1]},"tasks":[{tasks}],"unplaced":[{unplaced}]}}\n'


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _task(bar: Bar) -> dict[str, object]:
    return {
        "id": bar.id,
        "label": bar.label,
        "kind": str(bar.kind),
        "state": "running" if bar.running else "waiting",
        "start": bar.start,
        "end": bar.end,
        "latest": bar.latest,
        "deadline": bar.deadline,
        "chunks": bar.chunks,
        "cpus": bar.cpus,
        "priority": bar.priority,
        "overdue": bar.overdue,
        "late": bar.late,
    }


def _unplaced(one: Unplaced) -> dict[str, object]:
    return {"id": one.id, "label": one.label, "reasons": list(one.reasons)}
