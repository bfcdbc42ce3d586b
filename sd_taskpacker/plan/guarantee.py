# SPDX-License-Identifier: LGPL-2.1-or-later
"""The promise: room is held for everybody who waits, at the latest time at which it may start.

Slack-based backfilling (Talby and Feitelson, IPPS 1999): who comes gets a slot, the first hole that begins after a
slack, and the slot never moves. Somebody may start now only where that leaves all other slots alone. So whatever
order is chosen, a promise is kept as long as nothing runs longer than expected, and what comes later delays nobody
of the same or a higher priority beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from sd_taskpacker.plan.fields import Fields
from sd_taskpacker.plan.pace import SECOND
from sd_taskpacker.plan.profile import Profile, Span
from sd_taskpacker.plan.ranking import Entry

SLACK_OF_BACKLOG: Final = 4.0
SLACK_OF_DURATION: Final = 3.0
LARGE: Final = 1.5
"""Times the mean expected work of what runs and waits."""
MANY: Final = 64
"""No more are put off one by one."""


class Guarantee:
    """`running`: what is held already. `slack`: seconds that anybody may be made to wait. `exact`: expected times are
    kept, so that room may be held for those too whose deadline is only a wish (OnDeadline=run)."""

    def __init__(
        self,
        fields: Fields,
        now: int,
        running: Sequence[Span],
        waiting: Sequence[Entry],
        *,
        slack: float,
        exact: bool = False,
    ) -> None:
        self._slack = slack
        self._exact = exact
        self._fields = fields
        self._now = now
        self._running = running
        self._waiting = waiting
        for entry in waiting:
            if entry.slot is not None and entry.slot < now:
                entry.slot = now

    def promise(self, newcomers: Sequence[Entry], work: float) -> dict[str, int]:
        """Gives them their slots, in their order. `work`: the backlog in seconds, themselves included. Answers, by
        key, when those would start whose deadline cannot be met: they get no slot and take no room."""
        refused: dict[str, int] = {}
        usual = work / max(1, len(self._waiting) + len(self._running))
        behind = work - sum(entry.duration * entry.share for entry in newcomers) / SECOND
        for level, group in groupby(newcomers, key=lambda entry: entry.level):
            profile = self.profile(level)  # Slots of lower priorities are in nobody's way.
            for entry in group:
                hurried = self._is_hurried(entry, usual)
                step = self._slot(entry, profile, self._now + self._leeway(behind, entry.duration), hurried=hurried)
                start = profile.time(step)
                if hurried and start > _last(entry) and not entry.candidate.runs_late:
                    refused[entry.candidate.key] = start
                    continue
                entry.slot = start
                profile.reserve(step, entry.duration, entry.need)
                behind += entry.duration * entry.share / SECOND
        return refused

    def _slot(self, entry: Entry, profile: Profile, wanted: int, *, hurried: bool) -> int:
        step = profile.earliest(entry.probe, entry.duration, profile.cut(wanted))
        if hurried and profile.time(step) > _latest(entry):
            return self._hurry(entry, profile, step)
        return step

    def promise_batch(self, starts: Sequence[tuple[Entry, int]]) -> None:
        """`starts` is a plan of all who wait, none of whom was promised anything. All starts of a plan put off by one
        factor, and then by one time, leave a plan: at no time does anything run that did not run together before."""
        off = self._leeway(0.0, max(entry.duration for entry, _ in starts))
        for entry, start in starts:
            entry.slot = self._now + off + round(SLACK_OF_BACKLOG * (start - self._now))

    def _hurry(self, entry: Entry, profile: Profile, step: int) -> int:
        """As late as its deadline allows, else as early as possible; `step` where that is only a wish and in vain."""
        latest = _latest(entry)
        if latest >= self._now and profile.fits(entry.probe, entry.duration, last := profile.cut(latest)):
            return last
        earliest = profile.earliest(entry.probe, entry.duration, profile.head)
        return earliest if profile.time(earliest) <= latest or not entry.candidate.runs_late else step

    def _is_hurried(self, entry: Entry, usual: float) -> bool:
        """A deadline is always kept or refused, unless it is only a wish. Then room is held for those who are no
        larger than most: the few large ones would take it from very many (Moore, Management Science 15(1), 1968)."""
        if entry.candidate.deadline is None or not entry.candidate.runs_late:
            return entry.candidate.deadline is not None
        return self._exact and entry.duration * entry.share <= LARGE * usual * SECOND

    def levels(self, horizon: int) -> list[Profile]:
        """For each level the profile with its slots. Given up are those that begin at the horizon or later, as what
        starts now is over by then."""
        for entry in self._waiting:
            if entry.slot is not None and entry.slot >= horizon:
                entry.slot = None
        return [self.profile(level) for level in range(1 + max(entry.level for entry in self._waiting))]

    def profile(self, level: int) -> Profile:
        """What runs, and the slots of that level and of higher ones."""
        held = [entry for entry in self._waiting if entry.slot is not None and entry.level <= level]
        spans = [(entry.slot or 0, (entry.slot or 0) + entry.duration, entry.need) for entry in held]
        fields = self._fields
        whole = Profile(self._now, fields.capacity, fields.guards, [*self._running, *spans])
        return whole if whole.is_sound(fields.floor) else self._put_off(held)

    def _put_off(self, held: Sequence[Entry]) -> Profile:
        """Something runs longer than it should, or workorders or a smaller budget have taken the room: what cannot be
        kept any more is kept as soon as can be. A slot that was lost altogether would go to others for the sake of
        the moment by which a unit starts late. Where so many cannot be kept, the later ones are lost."""
        known = [(entry.slot or 0, (entry.slot or 0) + entry.duration, 0) for entry in held]
        profile = Profile(self._now, self._fields.capacity, self._fields.guards, [*self._running, *known])
        put_off = 0
        for entry in sorted(held, key=lambda entry: (entry.level, entry.slot or 0)):
            step = profile.cut(entry.slot or 0)
            if not profile.fits(entry.probe, entry.duration, step):
                put_off += 1
                if put_off > MANY:
                    entry.slot = None
                    continue
                step = profile.earliest(entry.probe, entry.duration, step)
                entry.slot = profile.time(step)
            profile.reserve(step, entry.duration, entry.need)
        return profile

    def _leeway(self, behind: float, duration: int) -> int:
        return round(max(self._slack, SLACK_OF_BACKLOG * behind) * SECOND + SLACK_OF_DURATION * duration)


def _latest(entry: Entry) -> int:
    """The last start that meets its deadline, if it takes as long as expected."""
    return (entry.candidate.deadline or 0) - entry.duration


def _last(entry: Entry) -> int:
    """The last start for which it is not refused: a guess of ours is no reason to."""
    return (entry.candidate.deadline or 0) if entry.candidate.assumed else _latest(entry)
