# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.resource import CPU, MEMORY, Lease
from sd_taskpacker.plan.planner import expected_end, plan
from sd_taskpacker.plan.snapshot import Plan, Verdict
from tests.plan.scenario import NOW, SECOND, Scenario, at


def test_what_fits_starts_now() -> None:
    assert Scenario(chunks=8).task("a", chunks=4).task("b", chunks=4).starts() == {"a": 0, "b": 0}


def test_what_does_not_fit_starts_when_the_first_lease_ends() -> None:
    assert Scenario(chunks=8).running(chunks=8, ends=30).task("a", chunks=4).starts() == {"a": 30}


def test_both_memory_and_cpus_must_fit_for_the_whole_time() -> None:
    s = Scenario(chunks=8, cpus=2).running(chunks=1, cpus=2, ends=30).running(chunks=8, cpus=0, ends=50)
    assert s.task("a", chunks=4, cpus=1).starts() == {"a": 50}


def test_a_short_task_fills_the_hole_before_a_large_one() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8).task("short", chunks=2, runs=30)
    assert s.starts() == {"large": 30, "short": 0}


def test_a_task_too_long_for_the_hole_does_not_delay_the_earlier_one() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8).task("long", chunks=2, runs=31)
    assert s.starts() == {"large": 30, "long": 90}


def test_higher_priority_is_placed_first() -> None:
    s = Scenario(chunks=4).task("low", chunks=4).task("high", chunks=4, priority=101)
    assert s.starts() == {"high": 0, "low": 60}


def test_among_equals_least_slack_goes_first() -> None:
    s = Scenario(chunks=4).task("calm", chunks=4).task("urgent", chunks=4, deadline=100)
    assert s.starts() == {"urgent": 0, "calm": 60}


def test_a_deadline_that_cannot_be_met_is_told() -> None:
    s = Scenario(chunks=4).running(chunks=4, ends=50).task("late", chunks=4, runs=60, deadline=100)
    assert s.verdicts() == {"late": {Verdict.DEADLINE}}


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


Held = list[tuple[int, int, int, int]]
Waiting = list[tuple[int, int, int, int, int | None, bool]]

amounts = st.integers(0, 12)
leases = st.lists(st.tuples(amounts, amounts, st.integers(0, 100), st.integers(-90, 200)), max_size=6)
tasks = st.lists(
    st.tuples(
        st.integers(1, 12),
        amounts,
        st.integers(1, 100),
        st.integers(0, 3),
        st.one_of(st.none(), st.integers(1, 300)),
        st.booleans(),
    ),
    max_size=12,
)


def _scenario(held: Held, waiting: Waiting) -> Scenario:
    s = Scenario(chunks=10, cpus=6)
    for chunks, cpus, since, ends in held:
        s.running(chunks=chunks, cpus=cpus, since=since, ends=max(ends, 1 - since))
    for number, (chunks, cpus, runs, priority, deadline, now_only) in enumerate(waiting):
        s.task(
            str(number), chunks=chunks, cpus=cpus, runs=runs, priority=priority, deadline=deadline, now_only=now_only
        )
    return s


@given(leases, tasks)
def test_a_placed_task_never_meets_a_full_resource(held: Held, waiting: Waiting) -> None:
    s = _scenario(held, waiting)
    made = s.plan()
    for name, capacity in ((MEMORY, s.chunks), (CPU, s.cpus)):
        for lease in made.placed:
            if lease.claims[name]:
                assert _highest(made, name, lease.start, lease.end) <= capacity


@given(leases, tasks)
def test_every_waiting_task_has_a_place_or_a_reason(held: Held, waiting: Waiting) -> None:
    s = _scenario(held, waiting)
    made = s.plan()
    placed = {lease.owner for lease in made.placed}
    assert placed.isdisjoint(made.unplaced)
    assert placed | set(made.unplaced) == {task.key for task in s.waiting}
    assert all(reasons and all(reason.text for reason in reasons) for reasons in made.unplaced.values())


@given(leases, tasks)
def test_the_same_snapshot_gives_the_same_plan(held: Held, waiting: Waiting) -> None:
    snapshot = _scenario(held, waiting).snapshot()
    assert repr(plan(snapshot)) == repr(plan(snapshot))


@given(leases, tasks)
def test_held_leases_never_move(held: Held, waiting: Waiting) -> None:
    s = _scenario(held, waiting)
    assert [(lease.owner, lease.claims, lease.start) for lease in s.plan().held] == [
        (lease.owner, lease.claims, lease.start) for lease in s.leases
    ]


@given(leases, tasks)
def test_looking_only_at_now_agrees_with_the_whole_profile(held: Held, waiting: Waiting) -> None:
    """One candidate that waits for ever, of the lowest priority, makes the planner go the long way."""
    short = _scenario(held, [(*task[:5], True) for task in waiting])
    long = _scenario(held, [(*task[:5], True) for task in waiting]).task("waits", chunks=11, priority=-1)
    assert short.plan().placed == long.plan().placed
    assert short.verdicts() == {key: why for key, why in long.verdicts().items() if key != "waits"}


def _highest(made: Plan, resource: str, start: int, end: int) -> int:
    """The most that is in use of the resource within [start, end)."""
    everyone = [
        (max(lease.start, NOW) if lease in made.placed else NOW, lease) for lease in (*made.held, *made.placed)
    ]
    instants = {start, *(begin for begin, _ in everyone if start <= begin < end)}
    return max(
        sum(lease.claims[resource] for begin, lease in everyone if begin <= instant < lease.end)
        for instant in instants
    )
