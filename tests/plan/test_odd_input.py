# SPDX-License-Identifier: LGPL-2.1-or-later
"""Situations that nobody wants, which get a plan all the same."""

from __future__ import annotations

import pytest

from sd_taskpacker.model.resource import CPU, MEMORY, Claims, Lease, Resource
from sd_taskpacker.plan.planner import FURTHEST, LONGEST, expected_end, plan, starts
from sd_taskpacker.plan.snapshot import Candidate, Snapshot, Verdict
from tests.plan.scenario import NOW, SECOND, Scenario, at


def _lone(
    key: str = "a",
    *,
    claims: Claims | None = None,
    duration: int = SECOND,
    deadline: int | None = None,
    promised: int | None = None,
    submitted: int = NOW,
) -> Candidate:
    return Candidate(
        key=key,
        claims={MEMORY: 1} if claims is None else claims,
        duration=duration,
        priority=100,
        deadline=deadline,
        submitted=submitted,
        promised=promised,
    )


def test_nothing_waits_and_nothing_is_there() -> None:
    made = plan(Snapshot(now=NOW, resources=()))
    assert (made.placed, made.unplaced, made.promised, made.free) == ((), {}, {}, {})


def test_two_that_take_no_time_do_not_share_one_room() -> None:
    s = Scenario(chunks=4).task("a", chunks=4, runs=0).task("b", chunks=4, runs=0).task("c", chunks=4)
    assert s.due() == {"a"}
    first, second, third = s.plan().placed
    assert first.end <= second.start < second.end <= third.start


def test_who_claims_nothing_starts_on_a_full_machine() -> None:
    assert Scenario(chunks=4).running(chunks=4).task("a", chunks=0).starts() == {"a": 0}


def test_what_is_not_there_is_not_wanted_or_never_comes() -> None:
    waiting = (_lone(claims={"gpu": 0, MEMORY: 1}), _lone(key="b", claims={"gpu": 1}))
    made = plan(Snapshot(now=NOW, resources=(Resource(MEMORY, 2),), waiting=waiting))
    assert made.due == {"a"}
    assert [reason.verdict for reason in made.unplaced["b"]] == [Verdict.NEVER]
    assert made.free == {MEMORY: 1}


def test_of_nothing_there_is_nothing_for_those_that_want_some() -> None:
    s = Scenario(chunks=0, cpus=0).task("some").task("none", chunks=0)
    assert s.starts() == {"none": 0}
    assert s.verdicts() == {"some": {Verdict.NEVER}}


def test_a_deadline_that_is_over_is_refused_or_runs_late() -> None:
    s = Scenario().task("refused", deadline=-100).task("wish", deadline=-100, runs_late=True)
    assert s.task("now", deadline=-100, now_only=True).due() == {"wish"}
    assert s.verdicts() == {"refused": {Verdict.DEADLINE}, "now": {Verdict.DEADLINE}}


def test_promises_that_are_over_are_kept_one_after_the_other() -> None:
    s = Scenario(chunks=4)
    for number in range(4):
        s.task(str(number), chunks=4, promised=-1000)
    assert s.starts() == {"0": 0, "1": 60, "2": 120, "3": 180}


def test_a_budget_below_what_is_promised_refuses_what_never_fits_and_plans_the_others() -> None:
    s = Scenario(chunks=3).running(chunks=8, ends=100)
    for number in range(5):
        s.task(str(number), chunks=2 + number % 2, promised=10 * number)
    s.task("large", chunks=4, promised=50)
    assert sorted(s.starts().values()) == [100, 160, 220, 280, 340]
    assert s.verdicts() == {"large": {Verdict.NEVER}}


def test_those_for_now_only_and_those_that_wait_are_chosen_among_together() -> None:
    s = Scenario(chunks=4).task("waits", chunks=4, runs=100).task("now", chunks=4, runs=10, now_only=True)
    assert s.starts() == {"now": 0, "waits": 10}
    s.task("high", chunks=4, priority=101)
    assert s.due() == {"high"}
    assert s.verdicts() == {"now": {Verdict.NOT_NOW}}


@pytest.mark.parametrize("usec", [LONGEST + 1, 1 << 63, (1 << 64) - 2])
def test_an_expected_time_beyond_all_reason_is_planned_as_a_year(usec: int) -> None:
    made = plan(Snapshot(now=NOW, resources=(Resource(MEMORY, 1),), waiting=(_lone(duration=usec), _lone(key="b"))))
    assert {lease.owner: lease.end - lease.start for lease in made.placed} == {"a": LONGEST, "b": SECOND}


def test_a_line_of_years_is_promised_what_can_be_stored() -> None:
    waiting = tuple(_lone(key=str(number), duration=LONGEST) for number in range(50_000))
    made = starts(Snapshot(now=NOW, resources=(Resource(MEMORY, 1),), waiting=waiting))
    assert max(made.promised.values()) == FURTHEST


@pytest.mark.parametrize("moment", [0, -(1 << 63), 1 << 63, (1 << 64) - 1])
def test_moments_that_cannot_be_end_in_a_plan(moment: int) -> None:
    waiting = (_lone(promised=moment), _lone(key="b", deadline=moment), _lone(key="c", submitted=moment))
    made = plan(Snapshot(now=NOW, resources=(Resource(MEMORY, 1),), waiting=waiting))
    assert {lease.owner for lease in made.placed} | set(made.unplaced) == {"a", "b", "c"}


def test_who_said_a_microsecond_and_runs_for_hours_is_expected_to_end_within_a_year() -> None:
    held = Lease(owner="x", claims={MEMORY: 1}, start=at(-36000), end=at(-36000) + 1)
    assert expected_end(held, NOW) == NOW + LONGEST
    made = plan(Snapshot(now=NOW, resources=(Resource(MEMORY, 1),), leases=(held,), waiting=(_lone(),)))
    assert [lease.start for lease in made.placed] == [NOW + LONGEST]


def test_hundreds_of_units_with_limits_are_each_kept() -> None:
    s = Scenario(chunks=20, units={f"unit-{number}": 1 for number in range(300)})
    for number in range(600):
        s.task(str(number), unit=f"unit-{number % 300}", runs=60)
    placed = s.plan().placed
    assert len(s.due()) == 20
    for number in range(300):
        one, other = (lease for lease in placed if int(lease.owner) % 300 == number)
        assert one.end <= other.start


def test_equals_in_everything_are_placed_as_they_came() -> None:
    s = Scenario(chunks=4)
    for number in range(100):
        s.task(str(number), chunks=2)
    assert list(s.starts().items()) == [(str(number), 60 * (number // 2)) for number in range(100)]


@pytest.mark.parametrize("one_more", [{}, {"deadline": 10**6}, {"promised": 10**6}])
def test_thousands_that_come_at_once_are_promised_slots_that_fit_together(one_more: dict[str, int]) -> None:
    s = Scenario(chunks=32, cpus=8).running(chunks=7, cpus=2, ends=5000)
    for number in range(5000):
        s.task(str(number), chunks=1 + number * 7 % 32, cpus=number % 9, runs=1 + number * 31 % 4000)
    s.task(
        "one-more", chunks=32, cpus=8, runs=500, deadline=one_more.get("deadline"), promised=one_more.get("promised")
    )
    made = s.plan()
    slots = dict(made.promised) | {each.key: each.promised for each in s.waiting if each.promised is not None}
    assert len(slots) == 5001
    changes: list[tuple[int, Claims, int]] = [(lease.end, lease.claims, 1) for lease in made.held]
    for each in s.waiting:
        changes += [(slots[each.key], each.claims, -1), (slots[each.key] + each.duration, each.claims, 1)]
    for resource, capacity in ((MEMORY, 25), (CPU, 6)):
        free = capacity
        for _, claims, sign in sorted(changes, key=lambda change: (change[0], -change[2])):
            free += sign * claims[resource]
            assert free >= 0
