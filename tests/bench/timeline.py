# SPDX-License-Identifier: LGPL-2.1-or-later
"""Free CPUs and chunks as a step function of the future, for the textbook's planners.

Not the planner's own profile: what is measured against another shares no code with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


class Timeline:
    """From `now` on; the last step lasts for ever. `held`: (end, cpus, chunks) of what runs, as expected."""

    def __init__(self, now: float, cpus: int, mem: int, held: Iterable[tuple[float, int, int]] = ()) -> None:
        ends = sorted(held)
        cpus -= sum(end[1] for end in ends)
        mem -= sum(end[2] for end in ends)
        self._times, self._cpus, self._mem = [now], [cpus], [mem]
        for end, freed_cpus, freed_mem in ends:
            cpus += freed_cpus
            mem += freed_mem
            if end > self._times[-1]:
                self._times.append(end)
                self._cpus.append(cpus)
                self._mem.append(mem)
            else:
                self._cpus[-1], self._mem[-1] = cpus, mem

    def earliest(self, cpus: int, mem: int, length: float) -> float:
        """The first time from which both are free for `length` seconds.

        Raises ValueError when that is never: it wants more than the machine has.
        """
        start: float | None = self._times[0]
        for time, free_cpus, free_mem in zip(self._times, self._cpus, self._mem, strict=True):
            if free_cpus < cpus or free_mem < mem:
                if start is not None and time - start >= length:
                    return start
                start = None
            elif start is None:
                start = time
        if start is None:
            raise ValueError(f"{cpus} CPUs and {mem} chunks are never free")
        return start

    def take(self, start: float, length: float, cpus: int, mem: int) -> None:
        """Negative amounts give back what was taken."""
        first, last = self._cut(start), self._cut(start + length)
        self._cpus[first:last] = [free - cpus for free in self._cpus[first:last]]
        if mem:
            self._mem[first:last] = [free - mem for free in self._mem[first:last]]

    def _cut(self, time: float) -> int:
        """The index of the step that begins then, made when there is none."""
        index = bisect_left(self._times, time)
        if index == len(self._times) or self._times[index] != time:
            self._times.insert(index, time)
            self._cpus.insert(index, self._cpus[index - 1])
            self._mem.insert(index, self._mem[index - 1])
        return index
