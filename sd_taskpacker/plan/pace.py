# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long things take here: where work comes in pieces of seconds, an hour is a long wait, and elsewhere it is none.

What the planner weighs against each other is measured in this time, and in the backlog. It is the larger one of two:
ten times a typical run, each weighted with its length, for that is what occupies the machine; and the largest backlog
there was lately, which fades. Both as expected times are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SECOND: Final = 1_000_000
MEMORY: Final = 100
"""Tasks, after which one is as good as forgotten."""
RUNS: Final = 10.0
FADING: Final = 30.0
"""A backlog is forgotten after so many times its own length."""

PATIENCE: Final = 200_000.0
"""Seconds; and so are all below. However long things take, people count in days: these are the most."""
PATIENCE_OF_BACKLOG: Final = 0.75
DEADLINE_PATIENCE: Final = 60_000.0
DEADLINE_PATIENCE_OF_BACKLOG: Final = 0.95
INDIGNATION: Final = 150_000.0
AGE_LIMIT: Final = 400_000.0
AGE_LIMIT_OF_PACE: Final = 1.75
AGE_LIMIT_OF_BACKLOG: Final = 0.6
"""Of the declared one."""
SLACK: Final = 450_000.0
SLACK_OF_PACE: Final = 4.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What is remembered of it. `work` and `squares`: the expected durations of what came lately, in seconds, and
    their squares; `backlog`: the largest one lately, in seconds, as it was `seen` (usec)."""

    work: float = 0.0
    squares: float = 0.0
    backlog: float = 0.0
    seen: int = 0

    def joined(self, duration: int) -> Pace:
        """With one task more, expected to take that long (usec)."""
        kept, taken = 1 - 1 / MEMORY, duration / SECOND
        return Pace(self.work * kept + taken, self.squares * kept + taken * taken, self.backlog, self.seen)

    def behind(self, backlog: float, now: int) -> Pace:
        """With the backlog that there is now, in seconds, as expected times are kept."""
        return Pace(self.work, self.squares, max(backlog, self._faded(now)), now)

    def value(self, accuracy: float, now: int) -> float:
        """Seconds; 0 when nothing has come yet."""
        typical = self.squares / self.work if self.work else 0.0
        return max(RUNS * typical * accuracy, self._faded(now))

    def _faded(self, now: int) -> float:
        return max(0.0, self.backlog - max(0, now - self.seen) / SECOND / FADING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What the planner makes of it at a moment; seconds."""

    patience: float
    """Somebody who is e times as large stands behind those who come up to so much later."""
    deadline_patience: float
    """The same, for those who have a deadline."""
    indignation: float
    """A wait of this length makes further waiting e times as bad."""
    age_limit: float
    """Who has waited longer is next, if nobody has waited longer still."""
    slack: float
    """So long anybody may be made to wait, however little there is to do."""


def times(pace: float, backlog: float, accuracy: float) -> Times:
    """`backlog`: in seconds, as declared."""
    likely = backlog * accuracy
    here = max(pace, likely)
    return Times(
        patience=max(min(PATIENCE, here), PATIENCE_OF_BACKLOG * likely, 1.0),
        deadline_patience=max(min(DEADLINE_PATIENCE, here), DEADLINE_PATIENCE_OF_BACKLOG * likely, 1.0),
        indignation=max(min(INDIGNATION, here), likely, 1.0),
        age_limit=min(AGE_LIMIT, AGE_LIMIT_OF_PACE * here) + AGE_LIMIT_OF_BACKLOG * backlog,
        slack=min(SLACK, SLACK_OF_PACE * here),
    )
