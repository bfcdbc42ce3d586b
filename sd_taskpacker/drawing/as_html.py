# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plan as a page: figures, the drawing, and tables. Also well-formed XML; no scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from sd_taskpacker.drawing import as_svg
from sd_taskpacker.drawing.choice import choose
from sd_taskpacker.drawing.escape import brief, xml
from sd_taskpacker.drawing.style import PAGE
from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.drawing.words import clock, counted, lateness, memory, relative, span, stamp, summary, used

_DRAWN: Final = 40
"""Rows of the drawing: it fits on one printed page, and the tables have more."""
_ROWS: Final = 200
"""Of both tables of tasks together, and of those without a place."""
_REASONS: Final = 8
_LONG: Final = 300
"""Characters of a name or a reason."""

# A browser that gets past the escaping would still load and run nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def render(view: PlanView) -> str:
    chosen = choose(view, _ROWS)
    parts = (
        f'<h1>Plan</h1>\n<p class="quiet">{xml(stamp(view.now))}</p>',
        f'<p class="{"notice alarm" if view.draining else "summary"}">{xml(summary(view))}.</p>',
        _figures(view),
        as_svg.drawing(view, rows=_DRAWN, alone=False),
        _running(chosen.running, len(chosen.running_rest), view.now),
        _next(chosen.waiting, len(chosen.waiting_rest), view.now),
        _without_place(view.unplaced),
    )
    head = (
        '<meta charset="utf-8"/>\n<meta name="viewport" content="width=device-width"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
        f"<title>Plan, {xml(stamp(view.now))}</title>\n<style>{PAGE}</style>"
    )
    body = "\n".join(filter(None, parts))
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _figures(view: PlanView) -> str:
    running = sum(bar.running for bar in view.bars)
    chunks, cpus = used(view)
    figures = (
        (f"{running:,}", "running", False),
        (f"{len(view.bars) - running:,}", "planned", False),
        (f"{len(view.unplaced):,}", "without a place", bool(view.unplaced)),
        _free("memory", view.chunks, chunks, memory),
        _free("CPUs", view.cpus, cpus, "{:,}".format),
    )
    return f'<ul class="figures">{"".join(_figure(*figure) for figure in figures)}</ul>'


def _figure(figure: str, text: str, alarm: bool) -> str:
    return f'<li class="figure"><b class="{"alarm" if alarm else "calm"}">{xml(figure)}</b>{xml(text)}</li>'


def _free(name: str, budget: int, used: int, say: Callable[[int], str]) -> tuple[str, str, bool]:
    """(figure, what it is, whether it is alarming)."""
    if used > budget:
        return f"+{say(used - budget)}", f"{name} above the budget of {say(budget)}", True
    return say(budget - used), f"of {say(budget)} {name} free", False


def _running(bars: Sequence[Bar], more: int, now: int) -> str:
    rows = (
        (
            _name(bar.label),
            *_amounts(bar),
            _cell(clock(bar.start, now), span(max(0, now - bar.start))),
            _end(bar, now, relative(bar.end, now)),
            _deadline(bar, now),
        )
        for bar in bars
    )
    return _table("Running", ("Task", *_AMOUNTS, "Since", "Expected end", "Deadline"), rows, len(bars), more)


def _next(bars: Sequence[Bar], more: int, now: int) -> str:
    rows = (
        (
            _name(bar.label),
            *_amounts(bar),
            _cell(clock(bar.start, now), relative(bar.start, now)),
            _cell("") if bar.latest is None else _cell(clock(bar.latest, now)),
            _end(bar, now, span(max(0, bar.end - bar.start))),
            _deadline(bar, now),
        )
        for bar in bars
    )
    heads = ("Task", *_AMOUNTS, "Start", "Latest start", "Expected end", "Deadline")
    return _table("Next starts", heads, rows, len(bars), more)


def _without_place(unplaced: Sequence[Unplaced]) -> str:
    shown = unplaced[:_ROWS]
    rows = ((_name(one.label), f"<td>{_reasons(one.reasons)}</td>") for one in shown)
    return _table("Without a place", ("Task", "Why"), rows, len(shown), len(unplaced) - len(shown))


def _reasons(reasons: Sequence[str]) -> str:
    texts = [_text(reason) for reason in reasons[:_REASONS]]
    if more := len(reasons) - len(texts):
        texts.append(f"and {counted(more, 'reason')} more")
    return "".join(texts) if len(texts) < 2 else f"<ul>{''.join(f'<li>{text}</li>' for text in texts)}</ul>"


_AMOUNTS: Final = ("Kind", "#Priority", "#Memory", "#CPUs")
"""A column of numbers begins with `#`."""


def _amounts(bar: Bar) -> tuple[str, ...]:
    numbers = (f"{bar.priority:,}", memory(bar.chunks), f"{bar.cpus:,}")
    return _cell(bar.kind), *(f'<td class="number">{text}</td>' for text in numbers)


def _end(bar: Bar, now: int, quiet: str) -> str:
    return _cell(clock(bar.end, now), quiet, "overdue" if bar.overdue else "")


def _deadline(bar: Bar, now: int) -> str:
    return _cell("" if bar.deadline is None else clock(bar.deadline, now), alarm=lateness(bar))


def _table(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]], count: int, more: int) -> str:
    """Nothing when there are no rows."""
    return "\n".join(_lines(name, heads, rows, count + more, more)) if count else ""


def _lines(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]], count: int, more: int) -> Iterator[str]:
    yield f'<h2>{name} <span class="quiet">{count:,}</span></h2>\n<table>\n<thead><tr>'
    yield "".join(f'<th class="number">{h[1:]}</th>' if h.startswith("#") else f"<th>{h}</th>" for h in heads)
    yield "</tr></thead>\n<tbody>"
    yield from (f"<tr>{''.join(cells)}</tr>" for cells in rows)
    yield "</tbody>\n</table>"
    if more:
        yield f'<p class="quiet">and {counted(more, "task")} more</p>'


def _name(label: str) -> str:
    return f"<td>{_text(label)}</td>"


def _cell(text: str, quiet: str = "", alarm: str = "") -> str:
    """`quiet` and `alarm` follow the text in styles of their own."""
    notes = f' <span class="quiet">{xml(quiet)}</span>' if quiet else ""
    notes += f' <b class="alarm">{xml(alarm)}</b>' if alarm else ""
    return f'<td class="nowrap">{xml(text)}{notes}</td>'


def _text(text: str) -> str:
    return xml(brief(text, _LONG))
