# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from tests.plan.scenario import Parts, Scenario


def _sketched(s: Scenario, depth: int) -> dict[str, int]:
    parts = s.parts()
    return parts.sketched(parts.scene().sketch(parts.order, depth))


def _hole() -> Scenario:
    """Two places for ever, six in half a minute; the order is as they come."""
    s = Scenario(chunks=8).running(chunks=6, ends=30)
    return s.task("first", chunks=8, runs=10).task("second", chunks=8, runs=20)


def test_so_many_as_the_depth_get_a_place_in_the_future() -> None:
    assert _sketched(_hole(), 0) == {}
    assert _sketched(_hole(), 1) == {"first": 30}
    assert _sketched(_hole(), 2) == {"first": 30, "second": 40}


def test_who_fills_a_hole_starts_and_who_would_delay_a_place_does_not() -> None:
    assert _sketched(_hole().task("fills", chunks=2, runs=30), 1) == {"first": 30, "fills": 0}
    assert _sketched(_hole().task("delays", chunks=2, runs=31), 1) == {"first": 30}
    assert _sketched(_hole().task("delays", chunks=2, runs=31), 0) == {"delays": 0}


def test_who_may_only_start_now_gets_no_place_in_the_future() -> None:
    assert _sketched(_hole().task("now", chunks=8, runs=1, now_only=True), 3) == {"first": 30, "second": 40}


def test_nobody_starts_into_the_slot_of_another() -> None:
    s = Scenario(chunks=4).task("long", chunks=2, runs=51, age=10**7).task("kept", chunks=4, promised=50)
    assert _sketched(s, 0) == {"kept": 0}
    s = s.running(chunks=1, ends=50)
    assert _sketched(s, 0) == {}
    assert _sketched(s, 9) == {"long": 110, "kept": 50}


def test_its_own_slot_is_in_nobodys_way() -> None:
    s = Scenario(chunks=4).running(chunks=1, ends=100).task("a", chunks=3, runs=100, promised=50)
    assert _sketched(s, 0) == {"a": 0}


def test_a_slot_of_lower_priority_stops_nobody() -> None:
    s = Scenario(chunks=4).running(chunks=1, ends=50).task("low", chunks=4, promised=50, priority=1)
    assert _sketched(s.task("high", chunks=3, runs=1000), 0) == {"high": 0}


def _cost(parts: Parts, *keys: str) -> tuple[float, ...]:
    order = sorted(parts.order, key=lambda entry: keys.index(entry.candidate.key))
    return parts.scene().sketch(order, 9).cost


def test_an_order_in_which_the_long_one_goes_first_costs_more() -> None:
    parts = Scenario(chunks=4).task("long", chunks=4, runs=5000).task("short", chunks=4, runs=10).parts()
    assert _cost(parts, "short", "long") < _cost(parts, "long", "short")


def test_cost_is_the_weighted_waiting_of_each_level() -> None:
    s = Scenario(chunks=4).task("high", chunks=4, runs=100, priority=101).task("low", chunks=4)
    parts = s.parts()
    high, low = _cost(parts, "high", "low")
    assert high == pytest.approx(0, abs=1e-9)
    assert low == pytest.approx(100 * parts.order[1].weight)


def test_whether_it_might_start_does_not_ask_for_anybody_else() -> None:
    parts = Scenario(chunks=8).running(chunks=6).task("fits", chunks=2).task("does-not", chunks=3).parts()
    assert [parts.scene().might_start(entry) for entry in parts.order] == [True, False]
