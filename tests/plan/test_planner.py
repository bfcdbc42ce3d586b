# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.model.resource import CPU, MEMORY, Lease
from sd_taskpacker.plan.planner import expected_end
from sd_taskpacker.plan.snapshot import Verdict
from tests.plan.scenario import NOW, SECOND, Scenario, at


def test_what_fits_starts_now() -> None:
    assert Scenario(chunks=8).task("a", chunks=4).task("b", chunks=4).starts() == {"a": 0, "b": 0}


def test_what_does_not_fit_starts_when_the_first_lease_ends() -> None:
    assert Scenario(chunks=8).running(chunks=8, ends=30).task("a", chunks=4).starts() == {"a": 30}


def test_what_runs_is_held_though_the_clock_was_set_back_behind_its_start() -> None:
    s = Scenario(chunks=8).running(chunks=8, since=-3600, ends=3630)
    assert s.task("waits", chunks=4).starts() == {"waits": 30}
    assert s.task("now", chunks=4, now_only=True).due() == set()


def test_both_memory_and_cpus_must_fit_for_the_whole_time() -> None:
    s = Scenario(chunks=8, cpus=2).running(chunks=1, cpus=2, ends=30).running(chunks=8, cpus=0, ends=50)
    assert s.task("a", chunks=4, cpus=1).starts() == {"a": 50}


def test_a_short_task_fills_the_hole_before_a_large_one() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8).task("short", chunks=2, runs=30)
    assert s.starts() == {"large": 30, "short": 0}


def test_a_task_too_long_for_the_hole_does_not_delay_the_earlier_one() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8, priority=101)
    assert s.task("long", chunks=2, runs=31).starts() == {"large": 30, "long": 90}


def test_what_may_start_now_and_costs_less_that_way_starts_even_before_a_large_one() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8).task("long", chunks=2, runs=31)
    assert s.starts() == {"long": 0, "large": 31}


def test_higher_priority_is_placed_first() -> None:
    s = Scenario(chunks=4).task("low", chunks=4).task("high", chunks=4, priority=101)
    assert s.starts() == {"high": 0, "low": 60}


def test_room_is_held_for_a_deadline_and_shorter_ones_do_not_take_it() -> None:
    s = Scenario(chunks=4).task("short", chunks=4, runs=50).task("urgent", chunks=4, deadline=100)
    assert s.starts() == {"urgent": 0, "short": 60}


def test_a_deadline_that_leaves_time_lets_shorter_ones_go_first() -> None:
    s = Scenario(chunks=4).task("short", chunks=4, runs=40).task("calm", chunks=4, deadline=100)
    assert s.starts() == {"short": 0, "calm": 40}


def test_a_deadline_that_cannot_be_met_is_told() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=50).task("late", chunks=4, runs=60, deadline=100)
    assert s.verdicts() == {"late": {Verdict.DEADLINE}}


def test_who_runs_late_all_the_same_is_placed_after_its_deadline() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=50).task("late", chunks=4, deadline=100, runs_late=True)
    assert s.starts() == {"late": 50}


def test_a_task_that_is_refused_takes_no_room_from_one_that_can_meet_its_deadline() -> None:
    s = Scenario(chunks=4).task("late", chunks=4, runs=60, deadline=30).task("able", chunks=4, runs=100, deadline=100)
    assert s.due() == {"able"}
    assert s.verdicts() == {"late": {Verdict.DEADLINE}}


def test_who_is_promised_this_moment_goes_first() -> None:
    s = Scenario(chunks=4).task("short", chunks=4, runs=10).task("urgent", chunks=4, runs=100, deadline=100)
    assert s.starts() == {"urgent": 0, "short": 100}
    assert s.promises()["urgent"] == 0


def test_a_newcomer_with_a_deadline_is_not_promised_the_room_of_one_whose_time_has_come() -> None:
    s = Scenario(chunks=4).task("due", chunks=4, promised=0).task("late", chunks=4, runs=50, deadline=60)
    assert s.due() == {"due"}
    assert s.verdicts() == {"late": {Verdict.DEADLINE}}


def test_a_slot_of_low_priority_refuses_no_deadline_of_high_priority_whoever_comes_with_it() -> None:
    s = Scenario(chunks=4).task("low", chunks=4, promised=10, priority=1).task("other", chunks=1, priority=1)
    assert s.task("high", chunks=4, deadline=65, priority=9).due() == {"high"}


def test_who_waits_keeps_its_promise_and_gets_no_other() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=100).task("old", promised=500).task("new")
    assert s.promises().keys() == {"new"}


def test_a_promised_start_that_comes_is_kept_before_all_equals() -> None:
    s = Scenario(chunks=4).task("due", chunks=4, runs=9000, promised=0)
    for number in range(30):
        s.task(str(number), runs=1)
    assert s.due() == {"due"}


def test_nobody_starts_into_a_promised_place() -> None:
    s = Scenario(chunks=4).running(chunks=2, ends=50).task("kept", chunks=4, promised=50)
    assert s.task("long", chunks=2, runs=51).due() == set()
    assert s.task("short", chunks=2, runs=50).due() == {"short"}


def test_a_promise_that_a_lease_overlaps_by_a_moment_keeps_its_room() -> None:
    s = Scenario(chunks=4).running(chunks=2, ends=51).task("kept", chunks=4, promised=50)
    assert s.task("long", chunks=2, runs=1000).due() == set()


def test_with_nothing_running_somebody_starts() -> None:
    s = Scenario(chunks=4, cpus=4).task("a", chunks=3, runs=100, promised=10).task("b", chunks=3, runs=100)
    assert len(s.due()) == 1


def test_a_deadline_is_met_to_the_microsecond() -> None:
    assert Scenario().task("a", runs=60, deadline=60).starts() == {"a": 0}


def test_what_is_larger_than_the_budget_never_fits() -> None:
    s = Scenario(chunks=8, cpus=1).task("wide", chunks=9, cpus=2)
    assert s.verdicts() == {"wide": {Verdict.NEVER}}
    assert {reason.resource for reason in s.plan().unplaced["wide"]} == {MEMORY, CPU}


def test_a_task_for_now_only_takes_no_place_in_the_future() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30)
    s.task("large", chunks=8, now_only=True).task("long", chunks=2, runs=1000, now_only=True)
    assert s.starts() == {"long": 0}
    assert s.verdicts() == {"large": {Verdict.NOT_NOW}}


def test_a_task_for_now_only_does_not_delay_one_that_waits() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("waits", chunks=8, priority=200)
    s.task("now", chunks=2, runs=31, now_only=True)
    assert s.verdicts() == {"now": {Verdict.NOT_NOW}}


def test_workorders_may_overcommit_and_free_is_never_below_zero() -> None:
    s = Scenario(chunks=8, cpus=1).running(chunks=6, cpus=1).running(chunks=6, cpus=1)
    assert s.plan().free == {MEMORY: 0, CPU: 0}


def test_a_task_that_claims_no_cpu_does_not_mind_that_cpus_are_overcommitted() -> None:
    s = Scenario(chunks=8, cpus=1).running(chunks=1, cpus=2)
    assert s.task("waits-for-network", chunks=1, cpus=0).starts() == {"waits-for-network": 0}


def test_free_counts_what_is_due() -> None:
    s = Scenario(chunks=32, cpus=8).running(chunks=3, cpus=1).task("a", chunks=4, cpus=2)
    assert s.plan().free == {MEMORY: 25, CPU: 5}


def test_a_lease_that_ends_when_another_begins_does_not_clash() -> None:
    assert Scenario(chunks=4).running(chunks=4, ends=10).task("next", chunks=4).starts() == {"next": 10}


def test_an_overdue_lease_stays_held_and_is_expected_to_go_on_the_longer_the_further_over() -> None:
    planned = Lease(owner="x", claims={}, start=at(-100), end=at(-50))
    assert expected_end(planned, NOW) == at(-100) + 200 * SECOND
    assert expected_end(planned, at(100)) > expected_end(planned, NOW)
    assert Scenario(chunks=4).running(chunks=4, since=100, ends=-50).task("a", chunks=4).starts() == {"a": 100}


def test_an_overdue_lease_without_any_planned_time_ends_some_time() -> None:
    assert NOW < expected_end(Lease(owner="x", claims={}, start=NOW, end=NOW), NOW) < at(10)


def test_no_more_of_a_unit_start_than_may_run() -> None:
    s = Scenario(units={"job": 2})
    for number in range(3):
        s.task(str(number), unit="job", runs=60)
    assert s.starts() == {"0": 0, "1": 0, "2": 60}


def test_what_is_packed_at_once_goes_by_priority_and_as_it_came() -> None:
    s = Scenario(chunks=4).task("large", chunks=4, runs=99, now_only=True).task("small", runs=1, now_only=True)
    assert s.due() == {"large"}
    assert s.task("first", chunks=4, now_only=True, priority=101).due() == {"first"}
