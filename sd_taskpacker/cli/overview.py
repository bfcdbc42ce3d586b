# SPDX-License-Identifier: LGPL-2.1-or-later
"""`status` without an argument: how full it is, what runs, what comes next, and what is wrong. On one screen."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.gauge import gauge
from sd_taskpacker.cli.happenings import sentence
from sd_taskpacker.cli.output import Json, Line, Output
from sd_taskpacker.cli.terminal import Terminal, terminal
from sd_taskpacker.cli.text import age, escape, rough_bytes, shortened, table, width
from sd_taskpacker.cli.units import problems_of
from sd_taskpacker.errors import LimitExceeded
from sd_taskpacker.model.problems import Problem
from sd_taskpacker.model.quantities import CHUNK_BYTES, SIZES
from sd_taskpacker.model.values import Value

LATELY_USEC: Final = 24 * 3600 * 1_000_000
"""How far back "lately" goes."""
COUNTED: Final = 100
"""How many ended tasks are counted in each state; a listing costs time for each."""
SHOWN: Final = 5
"""Lines of each list, where neither -n nor the height of a terminal says otherwise."""
_FIXED: Final = 16
"""Lines beside those lists: the figures, headings, and the shell's prompt."""
PLANNED: Final = 2_000
"""Waiting tasks up to which the plan is asked for what starts next; beyond that it takes too long for a glance."""
PRESSED: Final = 10.0
"""Percent of the last 10 s in which something stood still for lack of memory: more is worth a word."""
_GAUGE: Final = 30

Task = Mapping[str, Any]
Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What `status` shows; with --json these are the keys. `plan` is that of GetPlan, or none where nothing waits or
    too much does; `problems` are those of unit files."""

    properties: Mapping[str, Any]
    tasks: Sequence[Task] = ()
    """Those that run, at most COUNTED of them."""
    ended: Sequence[Task] = ()
    """Of the last day, at most COUNTED complete and as many failed; what was tried again is not among them."""
    plan: Mapping[str, Any] | None = None
    problems: Sequence[Problem] = ()
    pressure: float | None = None
    """See memory_pressure."""


async def overview(client: Client, lines: int | None, out: Output) -> int:
    found = await _look(client, now())
    if out.json is not Json.OFF:
        out.document(asdict(found))
    else:
        place = terminal(sys.stdout)
        out.paragraph(list(drawn(found, now(), _shown(place) if lines is None else lines, place)))
    return 0


def _shown(place: Terminal) -> int:
    """So many that three lists fit below each other on a terminal of the usual height."""
    return max(2, (place.rows - _FIXED) // 3) if place.live else SHOWN


async def _look(client: Client, at: int) -> Overview:
    limit = Value("u", COUNTED)
    figures, tasks, complete, failed, problems = await asyncio.gather(
        client.get_all(),
        client.list_tasks({"state": Value("s", "running"), "limit": limit}),
        client.list_tasks({"state": Value("s", "complete"), "limit": limit}),
        client.list_tasks({"state": Value("s", "failed"), "limit": limit}),
        _problems(client),
    )
    # What was tried again has not failed yet.
    tried = {task["retry_of"] for task in (*tasks, *complete, *failed) if "retry_of" in task}
    ended = [task for task in (*complete, *failed) if task["id"] not in tried]
    lately = [task for task in ended if task.get("ended", 0) >= at - LATELY_USEC]
    plan = await _plan(client) if 0 < figures["NQueued"] <= PLANNED else None
    return Overview(
        properties=figures, tasks=tasks, ended=lately, plan=plan, problems=problems, pressure=memory_pressure()
    )


async def _plan(client: Client) -> Mapping[str, Any] | None:
    try:
        plan: Mapping[str, Any] = json.loads(await client.get_plan("json"))
    except LimitExceeded:
        return None
    return plan


async def _problems(client: Client) -> list[Problem]:
    return list(chain.from_iterable(await problems_of(client, await client.list_units())))


def memory_pressure(path: str = "/proc/pressure/memory") -> float | None:
    """Percent of the last 10 s in which some process waited for memory; None where the kernel does not count."""
    with suppress(OSError, ValueError, IndexError):
        some = Path(path).read_text(encoding="ascii").splitlines()[0]
        return float(some.split("avg10=")[1].split()[0])
    return None


def drawn(found: Overview, at: int, lines: int, place: Terminal) -> Iterator[Line]:
    """No line is wider than the terminal."""
    figures = found.properties
    troubles = list(_troubles(found, at, lines))
    yield from _head(figures, troubled=bool(troubles), place=place)
    yield from _gauges(figures, place)
    yield from _counts(found, place)
    running = [_running(task, at) for task in found.tasks]
    yield from _list("Running", running, figures["NRunning"], lines, place)
    yield from _list("Starts next", list(_next(found, at)), figures["NQueued"], lines, place)
    if troubles:
        yield [("", "")]
        yield [("Problems", "bad")]
        yield from ([(f"  {_fitted(text, place)}", "")] for text in troubles)


def _head(figures: Mapping[str, Any], *, troubled: bool, place: Terminal) -> Iterator[Line]:
    dot = "●" if place.unicode else "*"
    style = "warn" if figures["Draining"] else "bad" if troubled else "good"
    word = "drained: nothing further starts" if figures["Draining"] else "ready"
    yield [(dot, style), (f" sd-taskpacker {figures['Version']} - ", "head"), (word, style)]


def _gauges(figures: Mapping[str, Any], place: Terminal) -> Iterator[Line]:
    free, total = figures["ChunksFree"], figures["ChunksTotal"]
    yield _gauge("Memory", total - free, total, place, lambda chunks: rough_bytes(chunks * CHUNK_BYTES))
    free, total = figures["CPUsFree"], figures["CPUsTotal"]
    yield _gauge("CPUs", total - free, total, place, str)


def _gauge(name: str, used: int, total: int, place: Terminal, spelled: Callable[[int], str]) -> Line:
    bar = gauge(used, total, _GAUGE, unicode=place.unicode)
    style = "bad" if used >= total else "good"
    return [
        (f"{name:>9}: ", ""),
        (bar, style),
        (f" {spelled(used)} of {spelled(total)}, {spelled(total - used)} free", ""),
    ]


def _counts(found: Overview, place: Terminal) -> Iterator[Line]:
    figures = found.properties
    slots = zip(SIZES, figures["EstimatedSlotsRemaining"], strict=False)
    yield [("Room for: " + ", ".join(f"{count} {size}" for size, count in slots), "")]
    yield [(f"{'Tasks':>9}: {figures['NRunning']} running, {figures['NQueued']} waiting", "")]
    complete = sum(task["state"] == "complete" for task in found.ended)
    failed = sum(task["state"] == "failed" for task in found.ended)
    style = "bad" if failed else ""
    yield [(f"{'Last day':>9}: {_count(complete)} complete, ", ""), (f"{_count(failed)} failed", style)]
    yield [(_fitted(f"{'Roots':>9}: {', '.join(figures['Roots']) or 'none'}", place), "")]


def _count(number: int) -> str:
    return f"{number} or more" if number >= COUNTED else str(number)


def _list(title: str, rows: Sequence[Row], total: int, lines: int, place: Terminal) -> Iterator[Line]:
    if not total or not lines:
        return
    yield [("", "")]
    yield [(title, "head")]
    shown = [tuple(map(escape, row)) for row in rows[:lines]]
    limit = place.columns - 2 if place.live else None
    yield from ([(f"  {text}", "")] for text in (table(shown, limit=limit, mark=_mark(place)) if shown else ()))
    if total > len(shown):
        rest = f"{total - len(shown)} more" if shown else f"{total} tasks"
        more = "taskpackerctl plan" if title == "Starts next" else "taskpackerctl list"
        yield [(f"  {rest}: {more}", "")]


def _mark(place: Terminal) -> str:
    return "…" if place.unicode else "..."


def _fitted(text: str, place: Terminal) -> str:
    """Beside two columns of indent; cut at the end, because a sentence's beginning says most."""
    shown, room, mark = escape(text), place.columns - 2, _mark(place)
    if not place.live or width(shown) <= room:
        return shown
    head = shortened(shown, max(1, 2 * room), "")
    while width(head) > room - width(mark):
        head = head[:-1]
    return head + mark


def _running(task: Task, at: int) -> Row:
    started = f"started {age(task['started'], at)}" if "started" in task else ""
    return str(task["id"]), rough_bytes(task["memory_max"]), started


def _next(found: Overview, at: int) -> Iterator[Row]:
    for task in (found.plan or {}).get("tasks", ()):
        if task["state"] == "waiting":
            start = age(max(task["start"], at), at)
            latest = f" (within {age(task['latest'], at).removeprefix('in ')})" if task["latest"] else ""
            yield str(task["id"]), rough_bytes(task["chunks"] * CHUNK_BYTES), start + latest


def _troubles(found: Overview, at: int, lines: int) -> Iterator[str]:
    figures = found.properties
    if figures["Draining"]:
        yield "drained: taskpackerctl resume lets tasks start again"
    for root in figures.get("Decommissioned", ()):
        yield f"the root {root} is decommissioned: taskpackerctl recommission {root} takes that back"
    for name in figures.get("NotEnforced", ()):
        yield f"nothing holds tasks to the {name} that they declare: this service manager has no {name} controller"
    if figures["ChunksTotal"] == 0:
        yield "the budget is less than 32M, so no batch task can start"
    if found.pressure is not None and found.pressure >= PRESSED:
        yield f"memory is short: something waited for it in {found.pressure:.0f} % of the last 10s"
    unplaced = (found.plan or {}).get("unplaced", ())
    for one in unplaced[:lines]:
        yield f"{one['id']} waits without a planned start: {'; '.join(one['reasons'])}"
    failed = [task for task in found.ended if task["state"] == "failed"]
    for task in sorted(failed, key=lambda each: -each["ended"])[:lines]:
        yield f"{sentence(task)}; {age(task['ended'], at)}"
    if len(failed) > lines:
        yield f"{_count(len(failed) - lines)} more failed: taskpackerctl list --state=failed"
    yield from (str(problem) for problem in found.problems[:lines])
    if len(found.problems) > lines:
        yield f"{len(found.problems) - lines} more problems in unit files: taskpackerctl list-units"
