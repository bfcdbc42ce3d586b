# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept between decisions changes no decision: everything here is compared with a plan from scratch. Nobody
takes less than a second, for there the costs of two orders may differ by less than they are rounded to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sd_taskpacker.plan.planner import starts
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot
from sd_taskpacker.plan.standing import Standing, Want
from sd_taskpacker.plan.steady import steady_starts
from tests.plan.scenario import NOW, SECOND, Scenario, at
from tests.plan.test_planner_invariants import DAY, amounts, snapshots

known = st.builds(
    Candidate,
    key=st.just(""),
    claims=st.fixed_dictionaries({"memory": amounts, "cpu": st.integers(0, 3)}, optional={"unit:job": st.just(1)}),
    duration=st.sampled_from([SECOND, 60 * SECOND, DAY * SECOND]),
    priority=st.integers(0, 2),
    deadline=st.sampled_from([None, None, at(DAY)]),
    submitted=st.sampled_from([at(-DAY), at(-3), at(-2), at(0)]),
    promised=st.sampled_from([at(-1), at(0), at(1), at(30), at(50), at(DAY), at(9 * DAY)]),
    runs_late=st.booleans(),
)
steady = st.builds(
    lambda snapshot, some, accuracy, pace: replace(
        snapshot,
        waiting=tuple(replace(candidate, key=str(number)) for number, candidate in enumerate(some)),
        accuracy=accuracy,
        pace=pace,
    ),
    snapshots,
    st.lists(known, min_size=1, max_size=40),
    st.sampled_from([0.1, 0.5, 0.95]),
    st.sampled_from([0.0, 30.0, 1e9]),
)


def standing_of(snapshot: Snapshot) -> Standing:
    standing = Standing()
    for candidate in snapshot.waiting:
        put(standing, candidate)
    return standing


def put(standing: Standing, candidate: Candidate) -> None:
    want = Want(
        claims=tuple(candidate.claims.items()),
        priority=candidate.priority,
        hurried=candidate.deadline is not None,
        duration=candidate.duration,
        name="",
    )
    standing.put(candidate.key, want, submitted=candidate.submitted, promised=candidate.promised)


def kept(snapshot: Snapshot, standing: Standing) -> Plan:
    return steady_starts(replace(snapshot, waiting=()), standing, lambda name: 0)


def assert_same(one: Plan, other: Plan, waiting: Iterable[Candidate]) -> None:
    """But for the order of those who start together, and for which one it is of those that differ in nothing: where
    two plans cost the same, rounding alone decides."""
    known = {each.key: replace(each, key="") for each in waiting}

    def starting(plan: Plan) -> Counter[str]:
        return Counter(repr(known[lease.owner]) for lease in plan.placed)

    assert starting(one) == starting(other)
    assert (one.free, one.held, dict(one.unplaced)) == (other.free, other.held, dict(other.unplaced))
    assert abs(one.backlog - other.backlog) <= 1e-9 * other.backlog


@given(steady)
@settings(max_examples=200, deadline=None)
def test_who_starts_is_the_same_as_in_a_plan_from_scratch(snapshot: Snapshot) -> None:
    assert_same(kept(snapshot, standing_of(snapshot)), starts(snapshot), snapshot.waiting)


@given(steady, st.lists(st.tuples(st.integers(0, 39), known), max_size=12), st.sets(st.integers(0, 39)))
@settings(max_examples=100, deadline=None)
def test_so_it_is_after_changes(snapshot: Snapshot, changes: list[tuple[int, Candidate]], gone: set[int]) -> None:
    """Those who change keep their place; who leaves and comes back does not."""
    standing, waiting = standing_of(snapshot), {candidate.key: candidate for candidate in snapshot.waiting}
    for number, candidate in changes:
        changed = waiting[str(number)] = replace(candidate, key=str(number))
        put(standing, changed)
    for number in gone:
        standing.remove(str(number))
        waiting.pop(str(number), None)
    now = replace(snapshot, waiting=tuple(waiting.values()))
    if waiting:
        assert_same(kept(now, standing), starts(now), now.waiting)


@given(steady)
@settings(max_examples=200, deadline=None)
def test_so_it_is_where_all_want_the_same(snapshot: Snapshot) -> None:
    one = snapshot.waiting[0]
    alike = replace(
        snapshot,
        waiting=tuple(
            replace(
                each,
                claims=one.claims,
                duration=one.duration,
                priority=one.priority,
                deadline=one.deadline,
            )
            for each in snapshot.waiting
        ),
    )
    assert_same(kept(alike, standing_of(alike)), starts(alike), alike.waiting)


def test_of_many_alike_only_the_first_are_looked_at() -> None:
    many = Scenario(chunks=8, accuracy=0.1, pace=60.0)
    for number in range(5_000):
        many.task(str(number), runs=1, promised=50 + number, age=50 - number // 100)
    snapshot = many.snapshot()
    standing = standing_of(snapshot)
    assert_same(kept(snapshot, standing), starts(snapshot), snapshot.waiting)
    standing.remove("0")
    left = replace(snapshot, waiting=snapshot.waiting[1:], now=NOW + SECOND)
    assert_same(kept(left, standing), starts(left), left.waiting)
