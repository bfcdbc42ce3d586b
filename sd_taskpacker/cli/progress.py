# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far the tasks are that somebody waits for, and the few lines that show it. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sd_taskpacker.cli.canvas import Line, Span, Style, line
from sd_taskpacker.cli.gauge import gauge
from sd_taskpacker.cli.happenings import Away, Back, Budget, Ended, Happening, Moved, TriedAgain
from sd_taskpacker.cli.meters import meters
from sd_taskpacker.cli.planview import Outlook
from sd_taskpacker.cli.text import timestamp
from sd_taskpacker.drawing.words import relative, span


@dataclass(slots=True)
class Progress:
    began: int
    """usec, CLOCK_REALTIME."""
    states: dict[str, str]
    """Id -> state of each that has not ended; empty for one that nothing was told of yet."""
    complete: int = 0
    failed: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    outlook: Outlook = Outlook()
    away: bool = False

    @classmethod
    def of(cls, ids: Collection[str], now: int) -> Progress:
        return cls(began=now, states=dict.fromkeys(ids, ""))

    @property
    def total(self) -> int:
        return len(self.states) + self.complete + self.failed

    def note(self, happening: Happening) -> None:
        match happening:
            case Moved(id=task_id, state=state) if task_id in self.states:
                self.states[task_id] = state
            case Ended(task=task):
                self.states.pop(task["id"], None)
                self.complete += task["state"] == "complete"
                self.failed += task["state"] != "complete"
            case TriedAgain(task=task, following=following):
                self.states.pop(task["id"], None)
                self.states.setdefault(following, "waiting")
            case Budget(changed=changed):
                self.figures.update(changed)
            case Away():
                self.away = True
            case Back():
                self.away = False
            case Moved():
                pass  # Of a task that is not ours.

    def summary(self, now: int) -> str:
        """`1,000 tasks: 990 complete, 10 failed, after 12min 5s`; what has not ended is left out."""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{_tasks(self.total)}: {self.complete:,} complete{failed}, after {span(now - self.began)}"


def lines(progress: Progress, now: int, columns: int, *, unicode: bool) -> Sequence[Line]:
    """From the most to the least important, for a terminal that has few rows."""
    return list(_lines(progress, now, columns, unicode))


def _lines(progress: Progress, now: int, columns: int, unicode: bool) -> Iterator[Line]:
    yield _counts(progress)
    ended = progress.complete + progress.failed
    if progress.total > 1:
        bar = gauge(ended, progress.total, max(8, min(60, columns - 12)), unicode=unicode)
        yield line(f"{'Done':<7}{bar} {ended * 100 // progress.total}%")
    if progress.away:
        yield line(
            Span("The service is restarting; the tasks go on, and so does this when it is back.", Style.NOTICE)
        )
    else:
        yield from meters(progress.figures, columns, unicode=unicode)
    yield line(_times(progress, now))


def _counts(progress: Progress) -> Line:
    running = sum(state == "running" for state in progress.states.values())
    waiting = len(progress.states) - running
    failed = Span(f"{progress.failed:,} failed", Style.BAD if progress.failed else Style.PLAIN)
    counts = f"{waiting:,} waiting, {running:,} running, {progress.complete:,} done, "
    return line(Span(f"{_tasks(progress.total)}: ", Style.STRONG), counts, failed)


def _times(progress: Progress, now: int) -> str:
    text = f"{span(max(0, now - progress.began))} so far"
    if progress.away:
        return text
    if progress.outlook.end is not None:
        end = max(progress.outlook.end, now)
        text += f"; expected end {relative(end, now)} ({timestamp(end)})"
    if progress.outlook.unplaced:
        text += f"; {progress.outlook.unplaced:,} without a place, see taskpackerctl why"
    return text


def _tasks(count: int) -> str:
    return f"{count:,} task{'s' if count != 1 else ''}"
