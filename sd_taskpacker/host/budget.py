# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tasks may use in all: the limits on the daemon's own unit, or the machine where there are none.

The daemon's unit is where an admin sets the budget (`systemctl set-property sd-taskpacker.service MemoryMax=`),
and a limit on any cgroup above it holds as well: the smallest on the way up counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from sd_taskpacker.engine.ports import Budget
from sd_taskpacker.host.cgroups import ROOT, Hierarchy, offering, read_hierarchies, unusable

THE_MACHINE = "the machine's memory"
SECOND = 1_000_000
"""usec"""


def _machine_memory() -> int:
    return int(psutil.virtual_memory().total)


def _allowed_cpus() -> int:
    return len(os.sched_getaffinity(0))


class ThisMachine:
    """The budget, read afresh at each call. Implements `ports.Machine`.

    `manager_cgroup` is where the service manager that runs our tasks has its cgroups, "" for PID 1.
    """

    def __init__(
        self,
        root: Path = ROOT,
        *,
        manager_cgroup: str = "",
        memory: Callable[[], int] = _machine_memory,
        affinity: Callable[[], int] = _allowed_cpus,
    ) -> None:
        self._root = root
        self._manager_cgroup = manager_cgroup
        self._memory = memory
        self._affinity = affinity

    def budget(self) -> Budget:
        """Raises OSError when /proc or the cgroup trees cannot be read."""
        hierarchies = read_hierarchies(self._root)
        # What v1 writes for "no limit" is larger than any machine, so the comparison alone handles it.
        limits = [(self._memory(), THE_MACHINE), *_memory_limits(offering(hierarchies, "memory"))]
        memory, source = min(limits, key=lambda limit: limit[0])
        cpus = min([self._affinity(), *_cpuset(offering(hierarchies, "cpuset"))])
        quota = min(_quotas(offering(hierarchies, "cpu")), default=cpus * SECOND)
        return Budget(
            memory=memory,
            # Rounded down: half a CPU too many would make every task slower than it was planned.
            cpus=max(1, min(cpus, quota // SECOND)),
            cpu_usec=quota if quota < cpus * SECOND else None,
            source=source,
            not_enforced=unusable(hierarchies, ("memory", "cpu"), self._manager_cgroup),
        )


def _memory_limits(tree: Hierarchy | None) -> Iterator[tuple[int, str]]:
    if tree is None:
        return
    file = "memory.max" if tree.version == 2 else "memory.limit_in_bytes"
    for directory in tree.way_up():
        text = _read(directory / file)
        if text not in (None, "max"):
            yield int(text or 0), f"{file} of {tree.name(directory)}"


def _quotas(tree: Hierarchy | None) -> Iterator[int]:
    """usec of CPU time in each second."""
    if tree is None:
        return
    for directory in tree.way_up():
        quota, period = _quota(tree, directory)
        if quota > 0 and period > 0:
            yield quota * SECOND // period


def _quota(tree: Hierarchy, directory: Path) -> tuple[int, int]:
    """(quota, period) in usec; a quota of -1 is none."""
    if tree.version == 2:
        quota, _, period = (_read(directory / "cpu.max") or "max 100000").partition(" ")
        return (-1 if quota == "max" else int(quota)), int(period)
    quota_text = _read(directory / "cpu.cfs_quota_us") or "-1"
    return int(quota_text), int(_read(directory / "cpu.cfs_period_us") or "100000")


def _cpuset(tree: Hierarchy | None) -> Iterator[int]:
    if tree is None:
        return
    file = "cpuset.cpus.effective" if tree.version == 2 else "cpuset.cpus"
    for directory in tree.way_up():
        text = _read(directory / file)
        if text:
            yield _count(text)


def _count(cpus: str) -> int:
    """`0-3,8` -> 5 (the list format of cpuset(7))."""
    total = 0
    for part in cpus.split(","):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total


def _read(file: Path) -> str | None:
    """None when the kernel has no such file there: the root cgroup has no limits."""
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        return None
