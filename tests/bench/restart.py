#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a daemon takes to start again where much runs and waits, and whether what runs is left alone.

On a private machine, as root, from the checkout:

    packaging/private-systemd --bind $PWD/.venv -- sh -c \
        'packaging/install --wheelhouse .venv/wheelhouse && .venv/bin/python -m tests.bench.restart'
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from sd_taskpacker.model.names import SLICE, UNIT_PREFIX
from tests.system.machine import SERVICE, BatchCall, Machine

MARKER: Final = Path("/run/taskpacker-private")
AT_ONCE: Final = 1_000
PATIENCE: Final = 600.0
UNIT: Final = "[{kind}]\nExec=/bin/sleep infinity\nSize=tiny\nCPUs=0\n"


def main() -> int:
    options = _arguments()
    if not MARKER.exists():
        sys.stderr.write("restart: it starts and kills things: run it on a private machine, see --help\n")
        return 64
    machine = Machine()
    _fill(machine, options.running, options.waiting)
    before = _processes()
    for number in range(options.rounds):
        machine.systemctl("restart", SERVICE)
        untouched = "untouched" if _processes() == before else "DISTURBED"
        counts = f"{machine.property('NRunning')} running, {machine.property('NQueued')} waiting"
        sys.stdout.write(f"{number + 1}: {_seconds_to_ready(machine):.2f} s; {counts}; what runs is {untouched}\n")
    machine.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--running", type=int, default=1_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _fill(machine: Machine, running: int, waiting: int) -> None:
    """As many batch tasks run as the machine has room for, and workorders, which need none, make up the number."""
    machine.write_unit("runs.batch", UNIT.format(kind="Batch"))
    machine.write_unit("always.workorder", UNIT.format(kind="Workorder"))
    machine.restart(memory=f"{32 * running}M")
    room = min(running, machine.property("ChunksTotal"))
    _ask(machine, "BatchQueue", "runs", room)
    machine.wait(lambda: machine.property("NRunning") == room, f"{room} run", PATIENCE)
    _ask(machine, "BatchQueue", "runs", waiting)
    _ask(machine, "WorkorderStart", "always", running - room)
    machine.wait(lambda: machine.property("NRunning") == running, f"{running} run", PATIENCE)
    machine.wait(lambda: len(_processes()) == 2 * running, "each has a process", PATIENCE)


def _ask(machine: Machine, member: str, unit: str, number: int) -> None:
    for first in range(0, number, AT_ONCE):
        machine.call(member, "a(sa{sv}a{sv})", [BatchCall(unit).wire()] * min(AT_ONCE, number - first))


def _processes() -> frozenset[tuple[str, str]]:
    """Process and unit of all that runs, and systemd's invocation id of each unit. From the kernel and from /run: to
    ask systemd about a thousand units takes it longer than to start them."""
    found = set()
    for cgroup in Path("/proc").glob("[0-9]*/cgroup"):
        with suppress(OSError):
            text = cgroup.read_text()
            if f"/{SLICE}/" in text:
                found.add((cgroup.parent.name, text.rstrip().rpartition("/")[2]))
    links = Path("/run/systemd/units").glob(f"invocation:{UNIT_PREFIX}*")
    return frozenset(found | {(os.readlink(link), link.name) for link in links})


def _seconds_to_ready(machine: Machine) -> float:
    began, ready = (
        int(machine.show(SERVICE, name))
        for name in ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    )
    return (ready - began) / 1_000_000


if __name__ == "__main__":
    sys.exit(main())
