# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.drawing.axis import STEPS, TimeAxis, axis_for
from sd_taskpacker.drawing.words import DAY, HOUR, MINUTE, SECOND, WEEK
from sd_taskpacker.model.quantities import INFINITY
from tests.drawing.situations import NOW, Situation, at


def axis_of(situation: Situation) -> TimeAxis:
    view = situation.view()
    return axis_for(view, view.bars)


def test_every_bar_is_seen_to_its_end() -> None:
    axis = axis_of(Situation().task("a", end=60).task("b", start=60, end=100))
    assert axis.place(at(100)) == 1.0
    assert 0 < axis.place(NOW) < axis.place(at(60)) < 1


def test_the_past_takes_little_room_however_long_a_task_has_run() -> None:
    axis = axis_of(Situation().task("a", start=-1_000_000, end=60))
    assert axis.place(NOW) < 0.2


def test_a_task_that_ends_in_days_leaves_room_for_those_that_end_in_minutes() -> None:
    s = (
        Situation()
        .task("a", end=60)
        .task("b", end=100)
        .task("c", end=120)
        .task("d", end=130)
        .task("long", end=500_000)
    )
    axis = axis_of(s)
    assert axis.two_scales
    assert axis.place(at(130)) - axis.place(NOW) > 0.6
    assert axis.place(at(500_000)) == 1.0


def test_tasks_of_the_same_order_share_one_scale() -> None:
    axis = axis_of(Situation().task("a", end=60).task("b", end=100).task("c", end=120))
    assert not axis.two_scales
    assert axis.place(at(30)) - axis.place(NOW) == pytest.approx(axis.place(at(60)) - axis.place(at(30)))


def test_edges_and_places_agree() -> None:
    axis = axis_of(Situation().task("a", end=60).task("b", end=70).task("long", end=50_000))
    for index, edge in enumerate(axis.edges(10)):
        assert axis.place(edge) == pytest.approx(index / 10, abs=0.001)


@pytest.mark.parametrize("future", [20 * SECOND, 10 * MINUTE, 5 * HOUR, 3 * DAY, 9 * WEEK, 300 * WEEK])
def test_ticks_are_round_and_do_not_touch(future: int) -> None:
    axis = axis_of(Situation().task("a", end=future / SECOND))
    ticks = list(axis.ticks(0.1))
    assert 2 <= len(ticks) <= 11
    places = [tick.place for tick in ticks]
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) >= 0.09


def test_ticks_of_minutes_read_so() -> None:
    axis = axis_of(Situation().task("a", end=600))
    assert [tick.label for tick in axis.ticks(0.15)] == ["14:02", "14:04", "14:06", "14:08", "14:10"]
    assert [tick.label for tick in axis.relative_ticks(0.15)] == ["now", "+2min", "+4min", "+6min", "+8min", "+10min"]


def test_a_new_day_has_its_date() -> None:
    axis = axis_of(Situation().task("a", end=DAY / SECOND))
    assert [tick.label for tick in axis.ticks(0.2)] == ["18:00", "22 Nov", "06:00", "12:00"]


def test_weeks_begin_on_monday() -> None:
    axis = axis_of(Situation().task("a", end=5 * WEEK / SECOND))
    assert next(iter(axis.ticks(0.15))).label == "23 Nov"


def test_a_task_without_an_end_does_not_move_the_others_out_of_sight() -> None:
    s = Situation().task("a", end=60).task("b", end=60).task("c", end=60).task("service", end=INFINITY / SECOND)
    axis = axis_of(s)
    assert axis.place(at(60)) > 0.7
    assert list(axis.ticks(0.1))


def test_steps_grow() -> None:
    assert list(STEPS) == sorted(set(STEPS))


def test_ticks_are_at_round_local_times() -> None:
    view = Situation().task("a", end=3 * 86400).view()
    quarter_to_six = 5 * HOUR + 45 * MINUTE
    east = axis_for(view, view.bars, east=quarter_to_six)
    labels = [each.label for each in east.ticks(0.08)]
    assert {"22 Nov", "23 Nov", "24 Nov"} <= set(labels)
    midnight = next(each for each in east.ticks(0.08) if each.label == "22 Nov")
    assert midnight.strong
    assert midnight.place == east.place((NOW + quarter_to_six) // DAY * DAY + DAY - quarter_to_six)
