# SPDX-License-Identifier: LGPL-2.1-or-later
"""Times, spans, amounts and sentences as all drawings spell them: times in UTC, spans and sizes as systemd does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sd_taskpacker.drawing.escape import brief
from sd_taskpacker.drawing.view import Bar, PlanView
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.unit import Kind

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = 253_402_300_799 * SECOND  # The end of the year 9999, after which Python has no dates.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_YEAR: Final = 31_557_600 * SECOND
_SPANS: Final = (
    (HOUR, MINUTE, "min", SECOND, "s"),
    (DAY, HOUR, "h", MINUTE, "min"),
    (WEEK, DAY, "d", HOUR, "h"),
    (2 * _YEAR, WEEK, "w", DAY, "d"),
)
"""(what is shorter than this, is told in these two units)."""
_LONG: Final = 600
"""Characters of a label in a tooltip."""


def moment(time: int) -> datetime:
    """In UTC. A time that is no date (`infinity`) gives the last one there is."""
    return _EPOCH + timedelta(microseconds=min(max(time, 0), _LAST))


def date(time: int) -> str:
    """`Sat 2026-11-21`, in English whatever the locale."""
    day = moment(time)
    return f"{_DAYS[day.weekday()]} {day.year:04}-{day.month:02}-{day.day:02}"


def stamp(time: int) -> str:
    """`Sat 2026-11-21 14:00:23 UTC`, as systemd prints it."""
    return f"{date(time)} {moment(time):%H:%M:%S} UTC"


def short_date(time: int, now: int) -> str:
    """`22 Nov`, with the year when it is another one."""
    day = moment(time)
    year = "" if day.year == moment(now).year else f" {day.year}"
    return f"{day.day} {_MONTHS[day.month - 1]}{year}"


def clock(time: int, now: int) -> str:
    """`14:05`, and `22 Nov 14:05` on another day than today."""
    text = f"{moment(time):%H:%M}"
    return text if moment(time).date() == moment(now).date() else f"{short_date(time, now)} {text}"


def span(usec: int) -> str:
    """About how long: `45s`, `2min 5s`, `3h 20min`, `5d 2h`. Two units are enough to know what is meant."""
    for below, large, large_name, small, small_name in _SPANS:
        rounded = (usec + small // 2) // small
        if rounded * small < below:
            count, rest = divmod(rounded, large // small)
            parts = (f"{count}{large_name}" if count else "", f"{rest}{small_name}" if rest or not count else "")
            return " ".join(filter(None, parts))
    return f"{usec / _YEAR:.1f}y"


def relative(time: int, now: int) -> str:
    """`in 5min`, `5min ago`, `now`."""
    if abs(time - now) < SECOND // 2:
        return "now"
    return f"in {span(time - now)}" if time > now else f"{span(now - time)} ago"


def when(time: int, now: int) -> str:
    """`14:05 (in 5min)`."""
    return f"{clock(time, now)} ({relative(time, now)})"


def memory(chunks: int) -> str:
    """`96M`, `1G`, `1.5G`, `12.3G`: to about three digits."""
    if not chunks:
        return "0"
    size = float(chunks * CHUNK_BYTES >> 20)
    for suffix in "MGTP":
        if size < 1000 or suffix == "P":
            break
        size /= 1024
    digits = f"{size:.2f}" if size < 10 else f"{size:.1f}" if size < 100 else f"{size:.0f}"
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}{suffix}"


def cpus(count: int) -> str:
    return f"{count:,} CPU" if count == 1 else f"{count:,} CPUs"


def used(view: PlanView) -> tuple[int, int]:
    """(chunks, CPUs) of what runs now."""
    held = [bar for bar in view.bars if bar.running]
    return sum(bar.chunks for bar in held), sum(bar.cpus for bar in held)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 task`, `4,860 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def summary(view: PlanView) -> str:
    """How it stands, in one sentence."""
    running = sum(bar.running for bar in view.bars)
    waiting = len(view.bars) - running + len(view.unplaced)
    if not running and not waiting:
        text = "Nothing runs, nothing waits"
    else:
        text = f"{running:,} running, {waiting:,} waiting"
    if view.unplaced:
        text += f", {len(view.unplaced):,} of them without a place"
    if late := sum(bar.late for bar in view.bars):
        text += f", {late:,} will miss {'its' if late == 1 else 'their'} deadline"
    planned = any(not bar.running for bar in view.bars)
    resumed = " (the plan is that of a Resume now)" if planned else ""
    return text + (f"; draining, so nothing new starts{resumed}" if view.draining else "")


def remark(bar: Bar) -> str:
    """What is unusual about it, in a few words; empty when nothing is."""
    return ", ".join(filter(None, ("overdue" if bar.overdue else "", lateness(bar))))


def lateness(bar: Bar) -> str:
    """`late by 5min`; empty for a task that meets its deadline, or has none."""
    return f"late by {span(bar.end - bar.deadline)}" if bar.deadline is not None and bar.late else ""


def facts(bar: Bar, now: int) -> Iterator[str]:
    """All there is to say about a bar, a line each. The text is not escaped."""
    yield brief(bar.id, _LONG)
    if bar.label != bar.id:
        yield brief(bar.label, _LONG)
    kind = "workorder" if bar.kind is Kind.WORKORDER else "batch"
    if bar.running:
        yield f"{kind}, running since {when(bar.start, now)}{', overdue' if bar.overdue else ''}"
    else:
        yield f"{kind}, waiting; starts {when(bar.start, now)}"
    if bar.latest is not None and not bar.running:
        yield f"promised to start by {when(bar.latest, now)}"
    yield f"expected to end {when(bar.end, now)}, after {span(max(0, bar.end - bar.start))}"
    yield f"{memory(bar.chunks)} of memory, {cpus(bar.cpus)}, priority {bar.priority}"
    if bar.deadline is not None:
        fate = f"missed by {span(bar.end - bar.deadline)}" if bar.late else "will be met"
        yield f"deadline {when(bar.deadline, now)}, {fate}"
