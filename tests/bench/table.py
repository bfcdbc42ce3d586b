# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables of figures, for a terminal or, with rst=True, as a simple table of reStructuredText."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.bench.score import STARVES, Score

COLUMNS: Final[Mapping[str, tuple[str, str, int]]] = {
    "bsld": ("bsld", ",.2f", 1),
    "bsld600": ("bsld600", ",.2f", 1),
    "wait": ("mean wait s", ",.0f", 1),
    "wait_max": ("longest wait s", ",.0f", 1),
    "missed_share": ("missed %", ".2f", 100),
    "broken_promises": ("broken %", ".2f", 100),
}
"""Figure -> its title, format and unit."""
BASELINE: Final = "fcfs+easy"
GAP: Final = "  "


def scores_table(scores: Mapping[str, Score], *, rst: bool = False) -> list[str]:
    """A row per policy. A star marks a policy that lets jobs starve, if EASY backfilling is there to compare with."""
    columns = [key for key in COLUMNS if any(key in score for score in scores.values())]
    starving = _starving(scores)
    star = _star(rst)
    rows = [["policy", *(COLUMNS[key][0] for key in columns)]]
    for policy, score in scores.items():
        rows.append([policy + star * (policy in starving), *(_cell(score, key) for key in columns)])
    return [*table(rows, rst=rst), *_note(starving, rst)]


def figure_table(results: Mapping[str, Mapping[str, Score]], key: str, *, rst: bool = False) -> list[str]:
    """One figure: a row per policy, a column per workload, with stars as above."""
    starving = {title: _starving(scores) for title, scores in results.items()}
    star = _star(rst)
    policies = list(dict.fromkeys(policy for scores in results.values() for policy in scores))
    rows = [["policy", *(title.partition(".")[0] for title in results)]]
    for policy in policies:
        cells = (
            _cell(scores.get(policy, {}), key) + star * (policy in starving[title])
            for title, scores in results.items()
        )
        rows.append([policy, *cells])
    return [*table(rows, rst=rst), *_note(set().union(*starving.values()), rst)]


def _starving(scores: Mapping[str, Score]) -> set[str]:
    patience = scores[BASELINE]["wait_max"] * STARVES if BASELINE in scores else float("inf")
    return {policy for policy, score in scores.items() if score["wait_max"] > patience}


def _star(rst: bool) -> str:
    return r"\*" if rst else "*"


def _note(starving: set[str], rst: bool) -> list[str]:
    return (
        ["", f"{_star(rst)} its longest wait is more than {STARVES:g} times that of {BASELINE}."] if starving else []
    )


def _cell(score: Score, key: str) -> str:
    _, form, unit = COLUMNS[key]
    return format(score[key] * unit, form) if key in score else "-"


def table(rows: Sequence[Sequence[str]], *, rst: bool = False) -> list[str]:
    """The first row is the header, the first column is text, all others are numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [GAP.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    if not rst:
        return lines
    rule = GAP.join("=" * width for width in widths)
    return [rule, lines[0], rule, *lines[1:], rule]
