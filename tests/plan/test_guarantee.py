# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.plan.guarantee import MANY
from sd_taskpacker.plan.pace import SLACK
from tests.plan.scenario import NOW, Parts, Scenario, at

SLACK_SECONDS = int(SLACK)


def _promised(s: Scenario) -> Parts:
    parts = s.parts()
    parts.promise()
    return parts


def test_a_newcomer_may_be_made_to_wait_for_the_slack_and_thrice_its_own_time() -> None:
    assert _promised(Scenario().task("a", runs=100)).slots() == {"a": SLACK_SECONDS + 300}


def test_the_more_work_there_is_the_longer_is_the_slack() -> None:
    s = Scenario(chunks=1).running(ends=2 * SLACK_SECONDS)
    assert _promised(s.task("a", runs=100)).slots() == {"a": 8 * SLACK_SECONDS + 300}


def test_a_newcomer_gets_a_slot_beside_those_that_are_promised() -> None:
    s = Scenario(chunks=4).task("old", chunks=4, runs=100, promised=SLACK_SECONDS + 250)
    assert _promised(s.task("new", chunks=4, runs=100)).slots()["new"] == SLACK_SECONDS + 350


def test_slots_of_lower_priority_are_in_nobodys_way() -> None:
    s = Scenario(chunks=4).task("old", chunks=4, runs=100, promised=SLACK_SECONDS + 250, priority=99)
    s.task("late", chunks=4, runs=100, priority=98)
    parts = _promised(s.task("new", chunks=4, runs=100))
    assert parts.slots()["new"] == SLACK_SECONDS + 300
    assert parts.slots()["old"] == SLACK_SECONDS + 400


def test_who_has_a_deadline_gets_the_last_slot_that_meets_it() -> None:
    assert _promised(Scenario().task("a", runs=60, deadline=100)).slots() == {"a": 40}


def test_where_the_last_slot_is_taken_it_gets_the_first() -> None:
    s = Scenario(chunks=4).running(chunks=1, ends=10).task("old", chunks=4, runs=60, promised=90)
    assert _promised(s.task("a", chunks=4, runs=60, deadline=100)).slots()["a"] == 10


def test_who_cannot_meet_its_deadline_is_refused_and_takes_no_room() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=50)
    s.task("late", chunks=4, runs=60, deadline=100).task("able", chunks=4, runs=100, deadline=150)
    parts = s.parts()
    assert parts.promise() == {"late": 50}
    assert parts.slots() == {"able": 50}


def test_a_deadline_that_is_a_wish_hurries_only_where_expected_times_are_kept() -> None:
    s = Scenario().task("a", runs=60, deadline=100, runs_late=True)
    assert _promised(s).slots() == {"a": SLACK_SECONDS + 180}
    s.accuracy = 1.0
    assert _promised(s).slots() == {"a": 40}


def test_a_wish_that_is_in_vain_is_no_reason_to_hurry() -> None:
    s = Scenario(accuracy=1.0, chunks=4).running(chunks=4, ends=50)
    assert _promised(s.task("a", runs=60, deadline=100, runs_late=True)).slots()["a"] > SLACK_SECONDS


def test_room_that_a_task_takes_whose_time_has_come_is_promised_to_nobody() -> None:
    s = Scenario(chunks=4).task("due", chunks=4, runs=60, promised=-5)
    s.task("a", chunks=4, runs=50, deadline=60)
    assert s.parts().promise() == {"a": 60}


def test_many_that_come_at_once_get_slots_that_fit_together() -> None:
    s = Scenario(chunks=8).running(chunks=5, ends=500)
    for number in range(3 * MANY):
        s.task(str(number), chunks=1 + number % 8, runs=1 + number * 37 % 1000)
    parts = _promised(s)
    assert len(parts.slots()) == 3 * MANY
    assert min(parts.slots().values()) >= SLACK_SECONDS
    assert parts.guarantee.profile(0).is_sound(parts.fields.floor)
    assert {entry.slot for entry in parts.order} == {at(slot) for slot in parts.slots().values()}


def test_a_slot_that_cannot_be_kept_is_put_off_and_no_further_than_must_be() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=101).task("first", chunks=4, promised=100)
    parts = s.task("second", chunks=4, promised=160).task("third", chunks=4, promised=500).parts()
    parts.guarantee.profile(0)
    assert parts.slots() == {"first": 101, "second": 161, "third": 500}


def test_of_very_many_that_cannot_be_kept_the_later_ones_are_lost() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=10**6)
    for number in range(2 * MANY):
        s.task(str(number), chunks=4, promised=100 * number + 1)
    parts = s.parts()
    assert parts.guarantee.profile(0).is_sound(parts.fields.floor)
    assert set(parts.slots()) == {str(number) for number in range(MANY)}


def test_slots_beyond_the_horizon_are_given_up() -> None:
    parts = Scenario().task("near", promised=99).task("far", promised=100).parts()
    parts.guarantee.levels(at(100))
    assert parts.slots() == {"near": 99}


def test_each_level_has_its_own_slots_and_the_higher_ones() -> None:
    s = Scenario(chunks=4).task("high", chunks=1, promised=10, priority=101)
    parts = s.task("low", chunks=2, promised=10).parts()
    high, low = parts.guarantee.levels(at(1000))
    assert parts.fits(high, 3, 10)
    assert parts.fits(low, 1, 10)
    assert not parts.fits(low, 2, 10)


def test_a_slot_that_is_over_is_one_for_now() -> None:
    parts = Scenario().task("a", promised=-100).parts()
    assert parts.slots() == {"a": 0}
    assert parts.order[0].slot == NOW
