# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `top` shows: a state and a size in, lines out. Draws nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final

from sd_taskpacker.cli.canvas import Line, Span, Style, fitted, line, safe
from sd_taskpacker.cli.keys import Key
from sd_taskpacker.cli.meters import meters
from sd_taskpacker.cli.text import local
from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.drawing.words import memory, relative, span
from sd_taskpacker.model.quantities import SIZES

Task = Mapping[str, Any]

_COLUMNS: Final = (("MEMORY", 6), ("CPUS", 4), ("PRIORITY", 10))
"""Title and width of those that go first where there is little room; the last of them first."""
_NAME: Final = 12
"""Columns that the id gets before anything else does."""
_WIDEST: Final = 90
"""Columns beyond which the id gets no more: who reads a line must find its end."""
_TIME: Final = 12
_MOST: Final = 20
"""Tasks that wait, where a frame is printed once and has no end."""


class Sort(StrEnum):
    AGE = "age"
    END = "end"
    MEMORY = "memory"
    CPUS = "CPUs"
    NAME = "name"


@dataclass(slots=True)
class Board:
    """What is known of the service."""

    figures: dict[str, Any] = field(default_factory=dict)
    running: list[Task] = field(default_factory=list)
    """As ListTasks shows them."""
    ends: dict[str, Bar] = field(default_factory=dict)
    """Id -> what the plan says of one that runs."""
    upcoming: list[Bar | Unplaced] = field(default_factory=list)
    """What waits, next start first; at the end what has no place."""
    away: bool = False

    def plan(self, view: PlanView) -> None:
        self.ends = {bar.id: bar for bar in view.bars if bar.running}
        # Of those that start together, those of one name by number: 9 before 10.
        waiting = sorted(
            (bar for bar in view.bars if not bar.running), key=lambda bar: (bar.start, len(bar.id), bar.id)
        )
        self.upcoming = [*waiting, *view.unplaced]

    def moved(self, ids: Collection[str]) -> None:
        """They wait no longer, whatever the last plan said."""
        self.upcoming = [each for each in self.upcoming if each.id not in ids]

    def sorted(self, sort: Sort) -> list[Task]:
        return sorted(self.running, key=lambda task: (self._order(task, sort), str(task["id"])))

    def _order(self, task: Task, sort: Sort) -> int | str:
        match sort:
            case Sort.AGE:
                return int(task.get("started", 0))
            case Sort.END:
                return expected_end(self, task) or 1 << 63
            case Sort.MEMORY:
                return -int(task["memory_max"])
            case Sort.CPUS:
                return -int(task["cpus"])
            case Sort.NAME:
                return str(task["id"])


@dataclass(slots=True)
class Position:
    """What the person looking chose."""

    sort: Sort = Sort.AGE
    first: int = 0
    """Row of the list that is the first on the screen."""

    def press(self, key: Key, *, page: int, rows: int) -> None:
        """`page` rows are seen of `rows`."""
        sorts = list(Sort)
        moves: dict[Key, Callable[[], int]] = {
            Key.UP: lambda: self.first - 1,
            Key.DOWN: lambda: self.first + 1,
            Key.PAGE_UP: lambda: self.first - page,
            Key.PAGE_DOWN: lambda: self.first + page,
            Key.HOME: lambda: 0,
            Key.END: lambda: rows,
        }
        if key is Key.SORT:
            self.sort = sorts[(sorts.index(self.sort) + 1) % len(sorts)]
        elif key in moves:
            self.first = moves[key]()
        self.first = max(0, min(self.first, rows - page))


def expected_end(board: Board, task: Task) -> int | None:
    """usec. The plan knows better than the expected time, which may have passed."""
    if task["id"] in board.ends:
        return board.ends[task["id"]].end
    return task["started"] + task["expected"] if "started" in task and "expected" in task else None


def frame(board: Board, position: Position, now: int, columns: int, rows: int, *, unicode: bool) -> list[Line]:
    """At most `rows` lines. Where they are few, the list of tasks comes before the hints, and gauges before both."""
    head = list(_head(board, now, columns, unicode))[: max(1, rows - 2)]
    page = page_size(board, now, columns, rows, unicode=unicode)
    shown = _rows(board, position, now, columns, unicode, position.first, position.first + page)
    lines = [*head, *shown]
    if rows > len(head) + page:
        lines += [line("")] * (rows - 1 - len(lines))
        lines.append(line(Span(f"q quit  arrows, PgUp, PgDn scroll  s sort by: {position.sort}", Style.FAINT)))
    return lines[:rows]


def page_size(board: Board, now: int, columns: int, rows: int, *, unicode: bool) -> int:
    """Rows that the list has on the screen."""
    head = min(len(list(_head(board, now, columns, unicode))), max(1, rows - 2))
    return max(0, rows - head - (rows - head > 2))


def row_count(board: Board) -> int:
    """Rows of the whole list, its titles included."""
    gap = bool(board.running and board.upcoming)
    return len(board.running) + bool(board.running) + len(board.upcoming) + bool(board.upcoming) + gap


def once(board: Board, now: int, columns: int, *, unicode: bool) -> list[Line]:
    """For a pipe: all that runs, and the next of what waits."""
    position, rows = Position(), row_count(board) - max(0, len(board.upcoming) - _MOST)
    shown = [*_head(board, now, columns, unicode), *_rows(board, position, now, columns, unicode, 0, rows)]
    if len(board.upcoming) > _MOST:
        shown.append(line(f"and {len(board.upcoming) - _MOST:,} more"))
    return shown


def _head(board: Board, now: int, columns: int, unicode: bool) -> Iterator[Line]:
    figures = board.figures
    counts = f"{figures.get('NRunning', 0):,} running, {figures.get('NQueued', 0):,} waiting"
    yield line(Span("sd-taskpacker", Style.STRONG), f"  {local(now):%H:%M:%S %Z}  {counts}")
    yield from meters(figures, columns, unicode=unicode)
    if board.away:
        yield line(Span("The service is restarting; this goes on when it is back.", Style.NOTICE))
    elif figures.get("Draining"):
        yield line(Span("Drained: nothing further starts until taskpackerctl resume.", Style.NOTICE))
    else:
        slots = zip(SIZES, figures.get("EstimatedSlotsRemaining", ()), strict=False)
        yield line(f"{'Room':<7}" + ", ".join(f"{count:,} {size}" for size, count in slots))
    yield line("")


def _rows(
    board: Board, position: Position, now: int, columns: int, unicode: bool, first: int, last: int
) -> Sequence[Line]:
    """Of a list that may be very long only what is seen is made."""
    makers: list[Callable[[], Line]] = []
    if board.running:
        makers.append(partial(_title, "RUNNING", "SINCE", "ENDS", columns))
        makers += [partial(_running, board, task, now, columns, unicode) for task in board.sorted(position.sort)]
    if board.upcoming:
        makers += [line] if board.running else []
        makers.append(partial(_title, "NEXT", "STARTS", "LATEST", columns))
        makers += [partial(_waiting, each, now, columns, unicode) for each in board.upcoming]
    if not makers and not board.away:
        makers.append(partial(line, "Nothing runs, nothing waits."))
    return [make() for make in makers[max(0, first) : last]]


def _running(board: Board, task: Task, now: int, columns: int, unicode: bool) -> Line:
    since = span(max(0, now - task["started"])) if "started" in task else "-"
    end = expected_end(board, task)
    overdue = end is not None and end <= now
    ends = "overdue" if overdue else relative(end, now) if end is not None else "-"
    amounts = memory(task["chunks"]), str(task["cpus"]), str(task["priority"])
    text = _row(safe(str(task["id"])), since, ends, amounts, columns, unicode)
    return line(Span(text, Style.NOTICE if overdue else Style.PLAIN))


def _waiting(each: Bar | Unplaced, now: int, columns: int, unicode: bool) -> Line:
    if isinstance(each, Unplaced):
        reason = safe("; ".join(each.reasons))
        head = _row(safe(each.label), "no place", "", None, columns, unicode).rstrip()
        return line(Span(f"{head}  {reason}", Style.FAINT))
    latest = relative(each.latest, now) if each.latest is not None else "-"
    amounts = memory(each.chunks), str(each.cpus), str(each.priority)
    text = _row(safe(each.label), relative(max(each.start, now), now), latest, amounts, columns, unicode)
    return line(Span(text, Style.BAD if each.late else Style.PLAIN))


def _title(name: str, first: str, second: str, columns: int) -> Line:
    text = _row(name, first, second, tuple(title for title, _ in _COLUMNS), columns, unicode=True)
    return line(Span(fitted(text, columns), Style.REVERSED))


def _row(name: str, first: str, second: str, amounts: Sequence[str] | None, columns: int, unicode: bool) -> str:
    """Name, two times and amounts, as many of them as there is room for."""
    room = columns - _NAME
    cells = []
    for text, wide in (
        (first, _TIME),
        (second, _TIME),
        *zip(amounts or (), (wide for _, wide in _COLUMNS), strict=False),
    ):
        if room < wide + 2:
            break
        room -= wide + 2
        cells.append(fitted(text, wide, right=True, mark="…" if unicode else "~"))
    return "  ".join([fitted(name, min(columns, _WIDEST, _NAME + room), mark="…" if unicode else "~"), *cells])
