# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel counts of a process: CPU time, memory, how often it woke up (proc(5))."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICK_MS: Final = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pid: int) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def resident_kib(pid: int) -> int:
    return _status(Path(f"/proc/{pid}/status"), "VmRSS")


def wakeups(pid: int) -> int:
    """Of all its threads: each wait that ended is one voluntary switch."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(_status(thread / "status", "voluntary_ctxt_switches") for thread in threads)


def _status(file: Path, key: str) -> int:
    [line] = [line for line in file.read_text().splitlines() if line.startswith(key + ":")]
    return int(line.split()[1])


@dataclass
class CpuMeter:
    """CPU time of named processes while a block lasts: `before`, then `after`."""

    pids: Mapping[str, int]

    def __enter__(self) -> CpuMeter:
        self._before = {name: cpu_ms(pid) for name, pid in self.pids.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self.spent = {name: cpu_ms(pid) - self._before[name] for name, pid in self.pids.items()}


def percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
