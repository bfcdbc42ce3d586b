# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.drawing.axis import axis_for
from sd_taskpacker.drawing.stack import Look, Step, sampled, steps
from sd_taskpacker.model.unit import Kind
from tests.drawing.situations import NOW, Situation, at, many


def steps_of(situation: Situation, columns: int = 1000) -> list[Step]:
    view = situation.view()
    return steps(view.bars, lambda bar: bar.chunks, axis_for(view, view.bars), columns)


def test_what_is_in_use_adds_up() -> None:
    s = Situation().task("a", start=-10, end=60, chunks=3).task("b", start=30, end=90, chunks=4)
    assert [((step.start - NOW) // 1_000_000, step.total) for step in steps_of(s)] == [(0, 3), (30, 7), (60, 4)]


def test_each_look_has_a_level_of_its_own() -> None:
    s = (
        Situation()
        .task("w", start=-1, kind=Kind.WORKORDER, chunks=1)
        .task("b", start=-1, chunks=2)
        .task("o", start=-1, chunks=4, overdue=True)
        .task("p", start=0, chunks=8)
    )
    [step] = steps_of(s)
    assert dict(zip(Look, step.amounts, strict=True)) == {
        Look.WORKORDER: 1,
        Look.BATCH: 2,
        Look.OVERDUE: 4,
        Look.PLANNED: 8,
    }


def test_a_task_that_ends_when_another_starts_does_not_meet_it() -> None:
    s = Situation().task("a", start=-10, end=60, chunks=3).task("b", start=60, end=90, chunks=4)
    assert max(step.total for step in steps_of(s)) == 4


def test_a_short_peak_survives_merging() -> None:
    s = Situation().task("a", end=100_000, chunks=1)
    for second in range(0, 100_000, 1000):
        s.task(f"short-{second}", start=second, end=second + 1, chunks=90 if second == 50_000 else 2)
    shown = steps_of(s, columns=20)
    assert len(shown) <= 20
    assert max(step.total for step in shown) == 91


def test_merged_steps_follow_each_other_to_the_end() -> None:
    s = many(500)
    shown = steps_of(s, columns=50)
    assert shown[0].start == NOW
    assert all(a.end == b.start for a, b in zip(shown, shown[1:], strict=False))
    assert shown[-1].end == max(bar.end for bar in s.bars)


def test_columns_begin_with_the_one_of_now() -> None:
    view = Situation().task("a", start=-600, end=600).view()
    axis = axis_for(view, view.bars)
    shown = sampled(view.bars, lambda bar: bar.chunks, axis, 100)
    assert len(shown) == 100 - int(axis.place(NOW) * 100)
    assert shown[-1].end == at(600)
