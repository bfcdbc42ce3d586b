# SPDX-License-Identifier: LGPL-2.1-or-later
"""Places for everybody, in an order: each at the earliest time at which it fits for its whole duration.

Conservative backfilling (Mu'alem and Feitelson, IEEE TPDS 12(6), 2001): a later one fills the holes and never delays
an earlier one. Where very many wait, the holes that are furthest back are given up, so that the time for each one
does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sd_taskpacker.plan.profile import FOREVER, Profile
from sd_taskpacker.plan.ranking import Entry

OPEN_STEPS: Final = 128
"""Of the profile, in which a hole is looked for."""
ROUNDS: Final = 2


def fill(order: Iterable[Entry], profile: Profile) -> Iterator[tuple[Entry, int]]:
    """Each one with its start (usec). The profile then holds all of them; its head moves on."""
    given_up = 0
    for entry in order:
        duration = entry.candidate.duration
        step = profile.earliest(entry.probe, duration, profile.head)
        yield entry, profile.time(step)
        profile.reserve(step, duration, entry.need)
        while len(profile) - given_up > OPEN_STEPS:
            profile.drop_head()
            given_up += 1


def fill_in_time(order: Sequence[Entry], profile: Profile) -> list[tuple[Entry, int]]:
    """The same, with nobody after its promise as far as can be: who would come too late comes first in the next
    round. The profile stays as it is."""
    placed = list(fill(order, profile.copy()))
    for _ in range(ROUNDS):
        late = [entry for entry, start in placed if start > _promised(entry)]
        if not late:
            break
        first = set(map(id, late))
        order = [*sorted(late, key=_promised), *(entry for entry in order if id(entry) not in first)]
        placed = list(fill(order, profile.copy()))
    return placed


def _promised(entry: Entry) -> int:
    return FOREVER if entry.candidate.promised is None else entry.candidate.promised
