#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a verb of taskpackerctl takes from its start to its end, beside what it cannot be faster than.

Run it where the service runs and is idle:

    tests/bench/cli.py [--user] [--runs N] [VERB ...]        VERB: what follows taskpackerctl (default: list)

Of N runs of each, one after the other in turn, so that a busy moment hits all of them: the median and the quickest
wall time, and the median CPU time of the command itself (what the service needs for its answer is not in it). The
quickest is what the command costs, the median what somebody who sits there sees.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter

BUS_NAME = "org.sdtaskpacker1"
CALL = (BUS_NAME, "/org/sdtaskpacker1", "org.sdtaskpacker1.Manager", "ListTasks", "a{sv}", "0")


def commands(verb: Sequence[str], which: str, python: str) -> Mapping[str, Sequence[str]]:
    """`python`: whose interpreter; the command of the package that is imported there."""
    return {
        "python3 -c pass": [python, "-c", "pass"],
        "python3 -c 'import asyncio'": [python, "-c", "import asyncio"],
        "busctl call ListTasks": ["busctl", which, "call", *CALL],
        f"taskpackerctl {' '.join(verb)}": [python, "-m", "sd_taskpacker", which, *verb],
    }


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds."""

    wall: float
    cpu: float


def run(command: Sequence[str]) -> Run:
    """Raises CalledProcessError when it fails: the time of something else is worth nothing."""
    before, began = _cpu(), perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return Run(perf_counter() - began, _cpu() - before)


def _cpu() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(table: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Run]]:
    for command in table.values():
        run(command)  # Compiles what was not yet, and fills the page cache.
    found: dict[str, list[Run]] = {name: [] for name in table}
    for _ in range(runs):
        for name, command in table.items():
            found[name].append(run(command))
    return found


def lines(found: Mapping[str, Sequence[Run]]) -> list[str]:
    wide = max(map(len, found))
    rows = [f"{'':<{wide}}   median  quickest       CPU"]
    for name, runs in found.items():
        times = (
            median(each.wall for each in runs),
            min(each.wall for each in runs),
            median(each.cpu for each in runs),
        )
        rows.append(f"{name:<{wide}}  " + "  ".join(f"{time * 1e3:>5.0f} ms" for time in times))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--user", action="store_const", const="--user", default="--system", dest="which")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("verb", nargs="*", default=["list"])
    options = parser.parse_args()
    try:
        found = measured(commands(options.verb, options.which, sys.executable), options.runs)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{' '.join(error.cmd)}: exit status {error.returncode}: {error.stderr.decode(errors='replace').strip()}"
        )
    sys.stdout.write("\n".join(lines(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
