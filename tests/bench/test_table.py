# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from tests.bench.table import figure_table, scores_table, table

FIGURES = {"bsld": 1.0, "bsld600": 1.0, "wait": 1.0}


def policies(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines if line]


def test_text_is_on_the_left_and_numbers_on_the_right() -> None:
    assert table([["a", "bb"], ["cc", "1"], ["d", "333"]]) == ["a    bb", "cc    1", "d   333"]


def test_rst_has_rules_around_the_header_and_below() -> None:
    assert table([["a", "b"], ["c", "10"]], rst=True) == ["=  ==", "a   b", "=  ==", "c  10", "=  =="]


def test_a_policy_that_lets_jobs_starve_has_a_star() -> None:
    """That is when the longest wait is more than twice that of EASY."""
    scores = {
        "sjf": {**FIGURES, "wait_max": 21.0},
        "fcfs+easy": {**FIGURES, "wait_max": 10.0},
        "cons": {**FIGURES, "wait_max": 20.0},
    }
    lines = scores_table(scores)
    assert policies(lines) == ["policy", "sjf*", "fcfs+easy", "cons", "*"]
    assert lines[-1] == "* its longest wait is more than 2 times that of fcfs+easy."
    assert r"sjf\*" in policies(scores_table(scores, rst=True))
    del scores["fcfs+easy"]
    assert policies(scores_table(scores)) == ["policy", "sjf", "cons"]


def test_a_figure_that_no_policy_has_is_no_column() -> None:
    lines = scores_table(
        {"fcfs": {**FIGURES, "wait_max": 0.0}, "cons": {**FIGURES, "wait_max": 0, "broken_promises": 0.5}}
    )
    assert "missed" not in lines[0]
    assert [line.split()[-1] for line in lines] == ["%", "-", "50.00"]


def test_one_figure_is_shown_across_workloads() -> None:
    results = {
        "a.swf.gz": {"fcfs+easy": {"wait": 10.0, "wait_max": 10.0}, "sjf": {"wait": 5.0, "wait_max": 21.0}},
        "b.csv": {"fcfs+easy": {"wait": 7.0, "wait_max": 10.0}},
    }
    assert [line.split() for line in figure_table(results, "wait")[:3]] == [
        ["policy", "a", "b"],
        ["fcfs+easy", "10", "7"],
        ["sjf", "5*", "-"],
    ]
