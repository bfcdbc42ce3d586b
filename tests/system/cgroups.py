# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's own view of memory limits, on cgroup v1 and v2."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sd_taskpacker.model.quantities import CHUNK_BYTES

V1: Final = Path("/sys/fs/cgroup/memory")
V2: Final = Path("/sys/fs/cgroup")


def memory_limit(cgroup: str) -> int:
    """Bytes."""
    if V1.exists():
        return int((V1 / cgroup / "memory.limit_in_bytes").read_text())
    return int((V2 / cgroup / "memory.max").read_text())


@dataclass(frozen=True)
class Limits:
    samples: int
    most_chunks: int
    """The most chunks that the limits of all units with processes made up at one time."""
    most_memory_max: int
    """Bytes, likewise."""
    exact: bool
    """Every limit was a whole number of chunks."""


class LimitWatch:
    """Looks at every unit below a slice again and again until stopped."""

    def __init__(self, slice: str) -> None:
        self._slice = slice
        self._seen: list[list[int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> Limits:
        self._stop.set()
        self._thread.join()
        return Limits(
            samples=len(self._seen),
            most_chunks=max(sum(-(-limit // CHUNK_BYTES) for limit in limits) for limits in self._seen),
            most_memory_max=max(sum(limits) for limits in self._seen),
            exact=all(limit % CHUNK_BYTES == 0 for limits in self._seen for limit in limits),
        )

    def _look(self) -> None:
        while not self._stop.wait(0.01):
            self._seen.append(list(self._limits()))

    def _limits(self) -> Iterator[int]:
        top = (V1 if V1.exists() else V2) / self._slice
        for unit in top.glob("*.service"):
            try:
                if (unit / "cgroup.procs").read_text():
                    yield memory_limit(f"{self._slice}/{unit.name}")
            except OSError:
                continue  # It ended while we looked.
