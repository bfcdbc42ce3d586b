# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of promises as time goes by, with random arrivals and ends. Nobody runs longer than expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.machine import Arrival, Fate, Machine

DAY = 86400
Accuracies = st.sampled_from([0.1, 0.5, 0.95])

times = st.one_of(st.integers(1, 100), st.integers(1, 4 * DAY), st.integers(1, 30 * DAY))
arrivals = st.builds(
    lambda comes, expects, early, **others: Arrival(
        comes=comes, expects=expects, runs=max(1, expects // early), **others
    ),
    comes=st.one_of(st.integers(0, 100), st.integers(0, 20 * DAY)),
    expects=times,
    early=st.sampled_from([1, 1, 3]),
    chunks=st.integers(0, 8),
    cpus=st.integers(0, 8),
    within=st.one_of(st.none(), times),
    now_only=st.sampled_from([False, False, False, True]),
)
days = st.lists(arrivals, min_size=2, max_size=12)


def _priorities(some: Sequence[Arrival], numbers: Sequence[int]) -> list[Arrival]:
    return [replace(each, priority=number) for each, number in zip(some, numbers, strict=False)]


@given(days, Accuracies)
@settings(max_examples=150)
def test_everybody_starts_when_promised_or_earlier(some: list[Arrival], accuracy: float) -> None:
    fates = Machine(accuracy=accuracy).live(some)
    assert [fate for fate in fates if fate.is_late] == []


@given(days, Accuracies)
@settings(max_examples=100)
def test_an_accepted_deadline_is_met(some: list[Arrival], accuracy: float) -> None:
    fates = Machine(accuracy=accuracy).live(some)
    assert [fate for fate in fates if fate.misses_its_deadline] == []


@given(days, st.lists(st.integers(0, 2), min_size=12, max_size=12), Accuracies)
@settings(max_examples=100)
def test_only_a_higher_priority_breaks_a_promise(some: list[Arrival], numbers: list[int], accuracy: float) -> None:
    fates = Machine(accuracy=accuracy).live(_priorities(some, numbers))
    assert [fate for fate in fates if fate.is_late and not _met_a_better_one(fate, fates)] == []


@given(days, days, Accuracies)
@settings(max_examples=60)
def test_the_highest_priority_does_not_notice_what_waits_below_it(
    high: list[Arrival], low: list[Arrival], accuracy: float
) -> None:
    fates = Machine(accuracy=accuracy).live([*high, *(replace(each, priority=1) for each in low)])
    assert [fate for fate in fates[: len(high)] if fate.is_late or fate.misses_its_deadline] == []


@given(days, days, Accuracies)
@settings(max_examples=60)
def test_what_comes_later_moves_no_promise(first: list[Arrival], later: list[Arrival], accuracy: float) -> None:
    """Up to the moment at which the first of them comes, all is as it would be without them; then nobody is late."""
    since = 1 + max(each.comes for each in first)
    alone = Machine(accuracy=accuracy).live(first)
    others = [replace(each, comes=since + each.comes, priority=100 - n % 2) for n, each in enumerate(later)]
    together = Machine(accuracy=accuracy).live([*first, *others])[: len(first)]
    assert [fate.promised for fate in together] == [fate.promised for fate in alone]
    assert [fate for fate in together if fate.is_late] == []


@given(days, Accuracies)
@settings(max_examples=60)
def test_units_that_start_and_end_a_second_late_make_nobody_later_than_all_these_seconds(
    some: list[Arrival], accuracy: float
) -> None:
    slow = [replace(each, runs=each.expects + 1, now_only=False) for each in some]
    for fate in Machine(accuracy=accuracy).live(slow):
        assert fate.refused or _lateness(fate) <= len(some)


def test_thousands_of_tiny_ones_do_not_keep_a_large_one_from_its_promised_start() -> None:
    """They come so fast that there is always one that fits, and each would be done sooner than the large one."""
    large = Arrival(comes=1, chunks=8, expects=DAY, runs=DAY)
    tiny = [Arrival(comes=600 * n, chunks=2, expects=2450, runs=2450) for n in range(2500)]
    machine = Machine()
    fate = machine.live([large, *tiny])[0]
    assert fate.promised is not None
    assert fate.started is not None
    assert DAY < fate.started <= fate.promised < 10 * DAY
    assert not any(each.is_late for each in machine.fates)


def test_a_deadline_keeps_a_large_one_from_the_end_of_a_stream() -> None:
    large = Arrival(comes=1, chunks=8, expects=DAY, runs=DAY, within=2 * DAY)
    tiny = [Arrival(comes=1200 * n, chunks=2, expects=4900, runs=4900) for n in range(400)]
    fate = Machine().live([large, *tiny])[0]
    assert fate.started is not None
    assert fate.started <= 1 + DAY


def test_who_comes_with_a_higher_priority_may_break_a_promise() -> None:
    low = Arrival(comes=1, chunks=8, expects=100, runs=100, within=1000, priority=1)
    high = Arrival(comes=2, chunks=8, expects=5000, runs=5000, priority=2)
    machine = Machine()
    machine.live([Arrival(comes=0, chunks=8, expects=50, runs=50, priority=3), low, high])
    assert [fate.is_late for fate in machine.fates] == [False, True, False]


def _met_a_better_one(fate: Fate, fates: Sequence[Fate]) -> bool:
    """Somebody of a higher priority waited or ran while it waited."""
    return any(
        other.arrival.priority > fate.arrival.priority
        and other.started is not None
        and fate.started is not None
        and other.arrival.comes <= fate.started
        and other.started + other.arrival.expects > fate.arrival.comes
        for other in fates
    )


def _lateness(fate: Fate) -> int:
    assert fate.started is not None
    return 0 if fate.promised is None else fate.started - fate.promised
