# SPDX-License-Identifier: LGPL-2.1-or-later
"""`stats NAME`: what earlier runs of a name took, and what its unit file should say therefore."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.states import STATES
from sd_taskpacker.cli.text import rough_bytes, rough_span
from sd_taskpacker.errors import NoSuchTask
from sd_taskpacker.model.quantities import CHUNK_BYTES, SIZES, chunks_for
from sd_taskpacker.model.values import Value

SEEN: Final = 1_000
"""The last so many tasks of the root are looked through, where -n does not say otherwise."""
FEW: Final = 5
"""Runs below which a suggestion is no more than a hint."""
MEMORY_MARGIN: Final = 1.25
TIME_MARGIN: Final = 1.2
_PERCENTS: Final = (50, 90, 99, 100)
_NICE: Final = (1, 2, 5, 10, 15, 20, 30, 45)
_SECOND: Final = 1_000_000

Task = Mapping[str, Any]


async def stats(client: Client, options: Namespace, out: Output) -> int:
    """Raises NoSuchTask when history knows no task of that name."""
    filters = {
        "root": Value("s", options.name.partition("/")[0]),
        "state": Value("as", list(STATES)),
        "limit": Value("u", SEEN if options.lines is None else options.lines),
    }
    tasks = [task for task in await client.list_tasks(filters) if task["name"] == options.name]
    if not tasks:
        raise NoSuchTask(f"No task named '{options.name}' is in the history")
    found = figures(options.name, tasks)
    if out.json is not Json.OFF:
        out.document(found)
    else:
        _show(found, out)
    return 0


def figures(name: str, tasks: Sequence[Task]) -> dict[str, Any]:
    """Keys: name, tasks (seen), ended, complete, failed, and for wait, run, cpu (usec) and memory (bytes) each an
    object {count, p50, p90, p99, max}; size (as `Size=` takes it) and expected (usec) are what is suggested, null
    where no run tells. Run times are of complete runs only: a failed one says little of how long it takes."""
    ended = [task for task in tasks if "ended" in task]
    complete = [task for task in ended if task["state"] == "complete"]
    run = [task["ended"] - task["started"] for task in complete if task["ended"] > task.get("started", 1 << 63)]
    memory = [task["memory_peak"] for task in ended if "memory_peak" in task]
    killed = [task["memory_max"] for task in ended if task.get("result") == "oom-kill"]
    return {
        "name": name,
        "tasks": len(tasks),
        "ended": len(ended),
        "complete": len(complete),
        "failed": len(ended) - len(complete),
        "wait": spread([max(0, task["started"] - task["submitted"]) for task in tasks if "started" in task]),
        "run": spread(run),
        "cpu": spread([task["cpu_usec"] for task in complete if "cpu_usec" in task]),
        "memory": spread(memory),
        "size": suggested_size(memory, killed),
        "expected": suggested_time(run),
    }


def spread(values: Sequence[int]) -> dict[str, int] | None:
    """None where there are none. A percentile is a value that was seen (nearest rank), not one between two."""
    if not values:
        return None
    ranked = sorted(values)
    names = {percent: f"p{percent}" if percent < 100 else "max" for percent in _PERCENTS}
    return {"count": len(ranked)} | {
        name: ranked[max(0, -(-len(ranked) * percent // 100) - 1)] for percent, name in names.items()
    }


def suggested_size(peaks: Sequence[int], killed: Sequence[int]) -> str | None:
    """The largest peak with a margin, and more than what was too little, as the nearest name or in chunks."""
    # What the kernel stopped at its limit would have taken more, nobody knows how much: double it.
    needs = [int(peak * MEMORY_MARGIN) for peak in peaks] + [2 * limit for limit in killed]
    if not needs:
        return None
    chunks = max(1, chunks_for(max(needs)))
    named = next((name for name, of in SIZES.items() if of == chunks), None)
    return named or rough_amount(chunks)


def rough_amount(chunks: int) -> str:
    size = chunks * CHUNK_BYTES
    return f"{size >> 30}G" if size % (1 << 30) == 0 else f"{size >> 20}M"


def suggested_time(run: Sequence[int]) -> int | None:
    """usec: the ninth of ten runs with a margin, rounded up to what one would write."""
    found = spread(run)
    if found is None:
        return None
    seconds = -(-int(found["p90"] * TIME_MARGIN) // _SECOND)
    unit = 1 if seconds <= 45 else 60 if seconds <= 45 * 60 else 3600
    count = -(-seconds // unit)
    return next((each for each in _NICE if each >= count), count) * unit * _SECOND


def _show(found: Mapping[str, Any], out: Output) -> None:
    tasks = "1 task" if found["tasks"] == 1 else f"{found['tasks']} tasks"
    out.talk(f"{found['name']}: {tasks} seen, {found['complete']} complete, {found['failed']} failed.")
    rows = [
        _row("wait", found["wait"], rough_span),
        _row("run time", found["run"], rough_span),
        _row("CPU time", found["cpu"], rough_span),
        _row("memory peak", found["memory"], rough_bytes),
    ]
    out.table(("", "RUNS", "P50", "P90", "P99", "MAX"), rows)
    suggestions = [f"Size={found['size']}"] if found["size"] else []
    suggestions += [f"ExpectedSec={rough_span(found['expected'])}"] if found["expected"] else []
    if suggestions:
        out.lines(["", *suggestions])
        few = " So few runs are no more than a hint." if found["complete"] < FEW else ""
        out.talk(
            "Size= is the largest peak and a quarter more (twice what was too little), "
            f"ExpectedSec= the 90th percentile and a fifth more.{few}"
        )


def _row(name: str, values: Mapping[str, int] | None, spelled: Callable[[int], str]) -> tuple[str, ...]:
    if values is None:
        return (name, "0", "-", "-", "-", "-")
    return (name, str(values["count"]), *(spelled(values[key]) for key in ("p50", "p90", "p99", "max")))
