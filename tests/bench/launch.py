#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How fast tasks are launched, beside a bare loop that asks systemd for the same units.

From a checkout where tests/run has made .venv, as root; it boots a machine of its own:

    tests/bench/launch.py [--waiting 0,10000,100000] [--tasks 300] [--rounds 3]

Rounds alternate. `queue`: BatchQueue of so many tasks, from the first call to the last BatchComplete; `submit`: the
same through BatchSubmit, from a client that refills when a task has ended; `bare`: a client in C sends the same
StartTransientUnit calls, ready-made, and keeps as many outstanding as the budget has room for, while the daemon is
stopped. `bare` has the life cycle that is fastest (oneshot, JobRemoved), `receipt` has the ExecStopPost= command
besides, which tells what a task has used. The ratio is to `bare`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

REPOSITORY: Final = Path(__file__).resolve().parents[2]
MARKER: Final = Path("/run/taskpacker-private")
PYTHON: Final = REPOSITORY / ".venv/bin/python"
WAYS: Final = ("bare", "queue", "receipt", "submit", "systemd-run")


def main(words: Sequence[str]) -> int:
    options = _arguments(words)
    if not MARKER.exists():
        return _boot(words)
    from tests.bench.launched import measure  # Needs what is only in .venv, whose Python runs this inside.

    measure(options)
    return 0


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=_numbers, default=[0, 10_000, 100_000], help="ascending")
    parser.add_argument("--tasks", type=int, default=300, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=int, default=100, help="how many are timed; 0: none")
    parser.add_argument("--idle", type=int, default=60, help="seconds of watching the idle daemon; 0: none")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    return parser.parse_args(words)


def _boot(words: Sequence[str]) -> int:
    """Itself again, on a machine of its own with the product installed."""
    if not PYTHON.exists():
        sys.stderr.write("launch: run `tests/run unit` first, it makes .venv\n")
        return 64
    script = 'packaging/install --wheelhouse .venv/wheelhouse && exec "$0" "$@"'
    inside = ["sh", "-c", script, str(PYTHON), str(Path(__file__).resolve()), *words]
    machine = [str(REPOSITORY / "packaging/private-systemd"), "--bind", str(REPOSITORY / ".venv"), "--"]
    return subprocess.run([*machine, *inside], cwd=REPOSITORY).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
