# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which tasks are drawn one by one when there are more than a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sd_taskpacker.drawing.view import Bar, PlanView
from sd_taskpacker.model.unit import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is shown, in the order in which it is shown, and what is not."""

    running: Sequence[Bar]
    waiting: Sequence[Bar]
    running_rest: Sequence[Bar]
    waiting_rest: Sequence[Bar]

    @property
    def rest(self) -> list[Bar]:
        return [*self.running_rest, *self.waiting_rest]


def choose(view: PlanView, rows: int) -> Choice:
    """At most `rows` tasks: of those that run what is unusual and what ends first, of the others what starts first.

    Each side has half of the rows, and what the other side does not need.
    """
    running = sorted((bar for bar in view.bars if bar.running), key=_noteworthy)
    waiting = sorted((bar for bar in view.bars if not bar.running), key=_by_start)
    half = rows // 2
    shown = min(len(running), max(half, rows - len(waiting)))
    planned = rows - shown
    return Choice(
        running=sorted(running[:shown], key=_by_end),
        waiting=waiting[:planned],
        running_rest=running[shown:],
        waiting_rest=waiting[planned:],
    )


def _noteworthy(bar: Bar) -> tuple[bool, int, str]:
    usual = not (bar.overdue or bar.late)
    return usual, bar.end, bar.id


def _by_end(bar: Bar) -> tuple[bool, int, int, int, str]:
    """Workorders first, as they are at the bottom of the stack."""
    return bar.kind is not Kind.WORKORDER, bar.end, bar.start, len(bar.id), bar.id


def _by_start(bar: Bar) -> tuple[int, int, int, int, str]:
    # The length before the text: of one name, 9 before 10.
    return bar.start, -bar.priority, bar.end, len(bar.id), bar.id
