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
    patience = scores[BASELINE]["wait_max"] * STARVES if BASELINE in scores else float("inf")
    starving = {policy for policy, score in scores.items() if score["wait_max"] > patience}
    star = r"\*" if rst else "*"
    rows = [["policy", *(COLUMNS[key][0] for key in columns)]]
    for policy, score in scores.items():
        rows.append([policy + star * (policy in starving), *(_cell(score, key) for key in columns)])
    note = f"{star} its longest wait is more than {STARVES:g} times that of {BASELINE}."
    return [*table(rows, rst=rst), *(("", note) if starving else ())]


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
