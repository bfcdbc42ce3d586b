# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.drawing.choice import choose
from sd_taskpacker.model.unit import Kind
from tests.drawing.situations import Situation


def queue(running: int, waiting: int) -> Situation:
    s = Situation()
    for index in range(running):
        s.task(f"r{index}", start=-1, end=100 + index)
    for index in range(waiting):
        s.task(f"w{index}", start=100 + index, end=1000)
    return s


def test_what_is_few_is_shown_whole() -> None:
    chosen = choose(queue(2, 3).view(), 10)
    assert [bar.label for bar in (*chosen.running, *chosen.waiting)] == ["r0", "r1", "w0", "w1", "w2"]
    assert chosen.rest == []


def test_each_side_has_half_of_the_rows() -> None:
    chosen = choose(queue(50, 50).view(), 10)
    assert (len(chosen.running), len(chosen.waiting)) == (5, 5)
    assert (len(chosen.running_rest), len(chosen.waiting_rest)) == (45, 45)


def test_a_side_takes_what_the_other_leaves() -> None:
    assert len(choose(queue(2, 50).view(), 10).waiting) == 8
    assert len(choose(queue(50, 2).view(), 10).running) == 8


def test_next_is_what_starts_first() -> None:
    assert [bar.label for bar in choose(queue(0, 9).view(), 2).waiting] == ["w0", "w1"]


def test_what_is_overdue_or_late_is_shown_before_the_rest() -> None:
    s = queue(20, 0).task("old", start=-9, end=9000, overdue=True).task("late", start=-9, end=9001, deadline=50)
    assert [bar.label for bar in choose(s.view(), 3).running] == ["r0", "old", "late"]


def test_workorders_are_on_top() -> None:
    s = queue(2, 0).task("backup", start=-9, end=9000, kind=Kind.WORKORDER)
    assert choose(s.view(), 3).running[0].label == "backup"


def test_of_those_that_start_together_the_ninth_comes_before_the_tenth() -> None:
    s = Situation().task("a@1.10", start=5).task("a@1.9", start=5)
    assert [bar.label for bar in choose(s.view(), 9).waiting] == ["a@1.9", "a@1.10"]
