# SPDX-License-Identifier: LGPL-2.1-or-later
"""Free capacity over time: one step function for all resources.

Between two neighbouring times everything is constant; a lease that ends at t and one that starts at t do not meet.
The steps are a linked list in three arrays, so that a new step moves no other and a copy costs next to nothing. Rooms
are packed (`Fields`): one subtraction tells whether a claim fits, however many resources there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

FOREVER: Final = 1 << 100
"""Later than every time, usec, and than all sums of them."""

Span = tuple[int, int, int]
"""Start and end in usec, and the packed need."""


class Profile:
    """Begins at `now` and goes on for ever. Steps are known by their numbers, which never change; the first one is
    `head`. Searches begin there; `drop_head` gives the oldest step up."""

    __slots__ = ("_after", "_built", "_guards", "_rooms", "_times", "head")

    def __init__(self, now: int, room: int, guards: int, spans: Iterable[Span] = ()) -> None:
        """`room`: what there is when nothing is taken. `spans` are taken from it; their boundaries become steps."""
        changes = {now: 0}
        for start, end, need in spans:
            if end > now:
                begin = max(start, now)
                changes[begin] = changes.get(begin, 0) - need
                changes[end] = changes.get(end, 0) + need
        self._times = sorted(changes)
        self._rooms = []
        for time in self._times:
            room += changes[time]
            self._rooms.append(room)
        self._built = len(self._times)
        self._times.append(FOREVER)
        self._rooms.append(room)
        self._after = [*range(1, self._built + 1), self._built]
        self._guards = guards
        self.head = 0

    def copy(self) -> Profile:
        made = Profile.__new__(Profile)
        made._times, made._rooms, made._after = self._times[:], self._rooms[:], self._after[:]
        made._built, made._guards, made.head = self._built, self._guards, self.head
        return made

    def without_steps(self) -> Profile:
        """As if nothing were taken at any time."""
        return Profile(self._times[0], self._rooms[-1], self._guards)

    def __len__(self) -> int:
        """Steps, whether given up or not."""
        return len(self._times) - 1

    def time(self, step: int) -> int:
        return self._times[step]

    def room(self) -> int:
        """At the head."""
        return self._rooms[self.head]

    def drop_head(self) -> None:
        self.head = self._after[self.head]

    def is_sound(self, floor: int) -> bool:
        """Whether nothing is overcommitted at any time; `floor` is the room that is left where nothing is free."""
        guards = self._guards
        return all((room - floor) & guards == guards for room in self._rooms)

    def fits(self, probe: int, duration: int, step: int) -> bool:
        """Whether it fits from the step on for its whole duration (usec)."""
        rooms, after, guards = self._rooms, self._after, self._guards
        until = self._times[step] + duration
        while True:
            if (rooms[step] - probe) & guards != guards:
                return False
            step = after[step]
            if self._times[step] >= until:
                return True

    def earliest(self, probe: int, duration: int, step: int) -> int:
        """The first step, from `step` on, from which it fits for its whole duration; it must fit some day. A step
        that blocks moves the candidate to that step's end (osstest's search, O61)."""
        times, rooms, after, guards = self._times, self._rooms, self._after, self._guards
        while True:
            while (rooms[step] - probe) & guards != guards:
                step = after[step]
            until = times[step] + duration
            ahead = after[step]
            while times[ahead] < until:
                if (rooms[ahead] - probe) & guards != guards:
                    step = after[ahead]
                    break
                ahead = after[ahead]
            else:
                return step

    def reserve(self, step: int, duration: int, need: int) -> None:
        """Takes the need from the step's time on. Does not ask whether it fits."""
        times, rooms, after = self._times, self._rooms, self._after
        until = times[step] + duration
        while True:
            following = after[step]
            if times[following] > until:
                times.append(until)
                rooms.append(rooms[step])
                after.append(following)
                after[step] = len(times) - 1
                rooms[step] -= need
                return
            rooms[step] -= need
            if times[following] == until:
                return
            step = following

    def cut(self, time: int) -> int:
        """The step that begins at `time`, which is not before now; made when there is none."""
        times, after = self._times, self._after
        step = bisect_right(times, time, 0, self._built) - 1
        while times[after[step]] <= time:
            step = after[step]
        if times[step] == time:
            return step
        times.append(time)
        self._rooms.append(self._rooms[step])
        after.append(after[step])
        made = after[step] = len(times) - 1
        return made
