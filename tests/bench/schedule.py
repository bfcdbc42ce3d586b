#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Replays workloads under the planner and under published policies, and prints a table of how they did.

    tests/bench/schedule.py kth-sp2-1996.swf.gz                   every policy of the README's table
    tests/bench/schedule.py lublin-1.swf.gz --sequences           the ten sequences that tables are published for
    tests/bench/schedule.py node*.csv.gz --mean --deadlines       one row for all: these files count as one
    tests/bench/schedule.py across all.json bsld600               one figure of all that --json all.json has collected
    tests/bench/schedule.py drain kth-sp2-1996.swf.gz             a long queue, planned at once: how fast, how tight
    tests/bench/schedule.py packing packing.csv.gz                rectangles whose best packing is known

Files are SWF or the CSV that tests/bench/workload.py describes, plain or .gz.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import adapter, packing, textbook
from tests.bench.replay import Policy, PolicyError, replay
from tests.bench.score import ScheduleError, Score, mean_of, score
from tests.bench.table import COLUMNS, figure_table, scores_table, table
from tests.bench.workload import (
    Workload,
    WorkloadError,
    all_at_once,
    published_sequences,
    read,
    with_deadlines,
)

COUNTS = (1000, 5000, 20000)


def make_policy(name: str) -> Policy:
    return adapter.make_policy() if name == adapter.TaskPacker.name else textbook.make(name)


def make_planner(name: str) -> packing.Planner:
    return adapter.plan if name == adapter.TaskPacker.name else packing.list_planner(name)


def replays(args: argparse.Namespace) -> Iterator[str]:
    results: dict[str, Mapping[str, Score]] = {}
    for title, workloads in _loads(args):
        scores: dict[str, Score] = {}
        for name in args.policies.split(","):
            began = time.perf_counter()
            scores[name] = mean_of([score(replay(workload, make_policy(name))) for workload in workloads])
            sys.stderr.write(f"{title}: {name} took {time.perf_counter() - began:.1f} s\n")
        results[title] = scores
        machine = f"{workloads[0].cpus} CPUs" + (f", {workloads[0].mem} chunks" if workloads[0].mem else "")
        count = sum(len(workload.jobs) for workload in workloads)
        yield from ("", f"{title}: {count:,} jobs, {machine}", "", *scores_table(scores, rst=args.rst))
    if args.json:
        kept = json.loads(args.json.read_text(encoding="utf-8")) if args.json.exists() else {}
        args.json.write_text(json.dumps(kept | results, indent=1) + "\n", encoding="utf-8")


def across(args: argparse.Namespace) -> Iterator[str]:
    """One figure of all workloads that were written to the file."""
    yield from figure_table(json.loads(args.file.read_text(encoding="utf-8")), args.figure, rst=args.rst)


def _loads(args: argparse.Namespace) -> Iterator[tuple[str, Sequence[Workload]]]:
    loads = [_load(path, args) for path in args.files]
    if args.mean and len(loads) > 1:
        together = [workload for load in loads for workload in load]
        yield f"{args.files[0].name} and {len(loads) - 1} more", together
    else:
        yield from zip((path.name for path in args.files), loads, strict=True)


def _load(path: Path, args: argparse.Namespace) -> Sequence[Workload]:
    workload = read(path)
    workloads = published_sequences(workload) if args.sequences else [workload]
    return [with_deadlines(each) for each in workloads] if args.deadlines else workloads


def drain(args: argparse.Namespace) -> Iterator[str]:
    rows = [["planner", "waiting", "over the floor %", "seconds"]]
    workload = read(args.file)
    for count in args.counts:
        # A file with fewer jobs is gone through again.
        load = all_at_once(workload, islice(cycle(workload.jobs), count))
        for name in args.policies.split(","):
            over, seconds = _planned(name, load, packing.floor(load))
            rows.append([name, f"{count:,}", f"{100 * over:.2f}", f"{seconds:.2f}"])
            sys.stderr.write(f"{count:,} waiting: {name} took {seconds:.2f} s\n")
    yield from table(rows, rst=args.rst)


def pack(args: argparse.Namespace) -> Iterator[str]:
    rows = [["planner", "instances", "mean excess %", "worst %", "optimal", "seconds"]]
    instances = packing.read_instances(args.file)
    for name in args.policies.split(","):
        found = [_planned(name, workload, shortest) for workload, shortest in instances]
        over = [each[0] for each in found]
        rows.append(
            [
                name,
                str(len(over)),
                f"{100 * fmean(over):.2f}",
                f"{100 * max(over):.2f}",
                str(sum(each < 1e-9 for each in over)),
                f"{sum(each[1] for each in found):.2f}",
            ]
        )
    yield from table(rows, rst=args.rst)


def _planned(name: str, workload: Workload, shortest: float) -> tuple[float, float]:
    """How much longer than the shortest the plan is, and the processor time that it took."""
    planner = make_planner(name)
    began = time.process_time()
    starts = planner(workload)
    seconds = time.process_time() - began
    return packing.excess(workload, starts, shortest), seconds


def parse(argv: Sequence[str]) -> argparse.Namespace:
    command = argv[0] if argv and argv[0] in ("across", "drain", "packing") else ""
    parser = argparse.ArgumentParser(
        prog=f"schedule.py {command}".strip(),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rst", action="store_true", help="a table of reStructuredText")
    if not command:
        names = ",".join([*textbook.DEFAULT, adapter.TaskPacker.name])
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
        parser.add_argument("--policies", default=names, help=f"default: {names}")
        parser.add_argument("--sequences", action="store_true", help="replay only the ten published sequences")
        parser.add_argument("--deadlines", action="store_true", help="four times the declared time, if there is none")
        parser.add_argument("--mean", action="store_true", help="means over all files")
        parser.add_argument("--json", type=Path, metavar="FILE", help="add every figure to this file, too")
        parser.set_defaults(command=replays)
        return parser.parse_args(argv)
    if command == "across":
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("figure", choices=list(COLUMNS))
        parser.set_defaults(command=across)
        return parser.parse_args(argv[1:])
    planners = f"{adapter.TaskPacker.name},{'given' if command == 'drain' else ','.join(packing.SORTED)}"
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--policies", default=planners, help=f"default: {planners}")
    if command == "drain":
        parser.add_argument("--counts", type=_counts, default=COUNTS, help="how many wait (default: 1000,5000,20000)")
    parser.set_defaults(command=drain if command == "drain" else pack)
    return parser.parse_args(argv[1:])


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def main(argv: Sequence[str]) -> int:
    args = parse(argv)
    try:
        for line in args.command(args):
            sys.stdout.write(f"{line}\n")
    except (OSError, ValueError, WorkloadError, PolicyError, ScheduleError) as e:
        sys.stderr.write(f"schedule.py: {e}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
