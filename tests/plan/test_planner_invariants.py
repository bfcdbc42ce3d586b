# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is true of every plan, whatever the situation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sd_taskpacker.model.quantities import SIZES
from sd_taskpacker.model.resource import CPU, MEMORY, Lease, Resource
from sd_taskpacker.plan.planner import plan, starts
from sd_taskpacker.plan.slots import estimated_slots
from sd_taskpacker.plan.snapshot import Candidate, Plan, Snapshot
from tests.plan.scenario import NOW, SECOND, Scenario, at

CAPACITY = {MEMORY: 10, CPU: 6, "unit:job": 2}
DAY = 86400
"""A slack is five of them: only where times are long do promises meet anybody."""

amounts = st.integers(0, 12)
claims = st.fixed_dictionaries({MEMORY: amounts, CPU: st.integers(0, 7)}, optional={"unit:job": st.just(1)})
times = st.one_of(st.integers(0, 100), st.integers(0, 20 * DAY))
maybe_times = st.one_of(st.none(), st.none(), st.integers(-DAY, 20 * DAY))
leases = st.lists(
    st.builds(
        lambda wanted, since, runs: Lease(owner="held", claims=wanted, start=at(-since), end=at(runs - since)),
        claims,
        times,
        times,
    ),
    max_size=5,
)
candidates = st.builds(
    Candidate,
    key=st.just(""),
    claims=claims,
    duration=times.map(lambda seconds: seconds * SECOND),
    priority=st.integers(0, 2),
    deadline=maybe_times.map(lambda seconds: None if seconds is None else at(seconds)),
    submitted=times.map(lambda seconds: at(-seconds)),
    now_only=st.sampled_from([False, False, True]),
    promised=maybe_times.map(lambda seconds: None if seconds is None else at(seconds)),
    runs_late=st.booleans(),
)
snapshots = st.builds(
    Snapshot,
    now=st.just(NOW),
    resources=st.just(tuple(Resource(name, capacity) for name, capacity in CAPACITY.items())),
    leases=leases.map(lambda some: tuple(replace(lease, owner=f"held-{n}") for n, lease in enumerate(some))),
    waiting=st.lists(candidates, max_size=12).map(
        lambda some: tuple(replace(candidate, key=str(n)) for n, candidate in enumerate(some))
    ),
    accuracy=st.sampled_from([0.1, 0.5, 0.95]),
)


@given(snapshots)
def test_nothing_is_placed_where_there_is_no_room(snapshot: Snapshot) -> None:
    """Workorders may overcommit; nobody else makes that worse."""
    made = plan(snapshot)
    for name, capacity in CAPACITY.items():
        for lease in made.placed:
            if lease.claims.get(name):
                assert _highest(made, name, lease) <= capacity


@given(snapshots)
def test_every_waiting_task_has_a_place_or_a_reason(snapshot: Snapshot) -> None:
    made = plan(snapshot)
    placed = [lease.owner for lease in made.placed]
    assert sorted([*placed, *made.unplaced]) == sorted(candidate.key for candidate in snapshot.waiting)
    assert all(reasons and all(reason.text for reason in reasons) for reasons in made.unplaced.values())


@given(snapshots)
def test_a_place_is_for_the_whole_claim_and_the_whole_time_and_not_in_the_past(snapshot: Snapshot) -> None:
    waiting = {candidate.key: candidate for candidate in snapshot.waiting}
    for lease in plan(snapshot).placed:
        candidate = waiting[lease.owner]
        assert lease.claims == candidate.claims
        assert lease.end - lease.start == max(candidate.duration, 1)
        assert lease.start == NOW if candidate.now_only else lease.start >= NOW


@given(snapshots)
def test_the_same_snapshot_gives_the_same_plan(snapshot: Snapshot) -> None:
    assert repr(plan(snapshot)) == repr(plan(snapshot))
    assert repr(starts(snapshot)) == repr(starts(snapshot))


@given(snapshots)
def test_the_quick_answer_is_that_of_the_whole_plan(snapshot: Snapshot) -> None:
    quick, whole = starts(snapshot), plan(snapshot)
    assert quick.due == whole.due == {lease.owner for lease in quick.placed}
    assert quick.promised == whole.promised
    assert quick.unplaced == whole.unplaced
    assert quick.free == whole.free


@given(snapshots)
def test_held_leases_never_move(snapshot: Snapshot) -> None:
    held = plan(snapshot).held
    assert [replace(lease, end=0) for lease in held] == [replace(lease, end=0) for lease in snapshot.leases]
    assert all(
        one.end == other.end
        for one, other in zip(held, snapshot.leases, strict=True)
        if NOW < other.end < at(365 * DAY)
    )


@given(snapshots)
def test_free_is_what_nobody_has(snapshot: Snapshot) -> None:
    made = plan(snapshot)
    taken = [*made.held, *(lease for lease in made.placed if lease.owner in made.due)]
    assert made.free == {
        name: max(0, capacity - sum(lease.claims.get(name, 0) for lease in taken))
        for name, capacity in CAPACITY.items()
    }


@given(snapshots)
def test_slots_are_how_many_more_would_start(snapshot: Snapshot) -> None:
    free = plan(snapshot).free
    assert estimated_slots(free) == tuple(_how_many(free, chunks) for chunks in SIZES.values())


@given(snapshots)
def test_who_comes_new_is_promised_something_or_refused(snapshot: Snapshot) -> None:
    made = plan(snapshot)
    new = {each.key for each in snapshot.waiting if each.promised is None and not each.now_only}
    assert made.promised.keys() == new - made.unplaced.keys()
    for candidate in snapshot.waiting:
        start = made.promised.get(candidate.key, NOW)
        assert start >= NOW
        if candidate.key in made.promised and candidate.deadline is not None and not candidate.runs_late:
            assert start + candidate.duration <= candidate.deadline


@given(snapshots)
def test_where_nothing_runs_and_somebody_can_somebody_starts(snapshot: Snapshot) -> None:
    made = plan(replace(snapshot, leases=()))
    assert made.due or not made.placed


@given(snapshots, st.data())
def test_promises_that_fit_together_fit_together_with_what_starts(snapshot: Snapshot, data: st.DataObject) -> None:
    """All of one priority, promised one after the other by the planner itself, as in a queue."""
    waiting: list[Candidate] = []
    for each in snapshot.waiting:
        new = replace(each, promised=None, priority=1, now_only=False)
        made = plan(replace(snapshot, leases=(), waiting=(*waiting, new)))
        if new.key in made.promised:
            waiting.append(replace(new, promised=made.promised[new.key]))
    made = plan(replace(snapshot, leases=(), waiting=tuple(waiting)))
    slots = tuple(
        Lease(
            owner=each.key, claims=each.claims, start=each.promised or NOW, end=(each.promised or NOW) + each.duration
        )
        for each in waiting
        if each.key not in made.due
    )
    together = replace(made, placed=(*(lease for lease in made.placed if lease.owner in made.due), *slots))
    for lease in together.placed:
        assert all(_highest(together, name, lease) <= capacity for name, capacity in CAPACITY.items())


@given(st.lists(st.tuples(amounts, times, st.integers(0, 2)), max_size=9))
@settings(max_examples=50)
def test_what_is_packed_at_once_leaves_nobody_out_who_fits(wanted: list[tuple[int, int, int]]) -> None:
    s = Scenario(chunks=10)
    for number, (chunks, runs, priority) in enumerate(wanted):
        s.task(str(number), chunks=chunks, runs=runs, priority=priority, now_only=True)
    made = s.plan()
    left_out = [each.claims[MEMORY] for each in s.waiting if each.key in made.unplaced]
    assert all(chunks > made.free[MEMORY] for chunks in left_out)


def _highest(made: Plan, resource: str, within: Lease) -> int:
    """The most that is in use of the resource while that lease lasts."""
    everyone = [*(replace(lease, start=min(lease.start, NOW)) for lease in made.held), *made.placed]
    instants = {within.start, *(each.start for each in everyone if within.start <= each.start < within.end)}
    return max(
        sum(each.claims.get(resource, 0) for each in everyone if each.start <= instant < each.end)
        for instant in instants
    )


def _how_many(free: Mapping[str, int], chunks: int) -> int:
    """By starting one after the other, on a machine that has just what is free."""
    s = Scenario(chunks=free[MEMORY], cpus=free[CPU])
    for number in range(20):
        s.task(str(number), chunks=chunks, cpus=1, now_only=True)
    return len(s.due())
