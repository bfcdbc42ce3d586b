# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.plan.search import EXACT, WILD, Method, best, method_for
from tests.plan.scenario import Scenario


def _found(s: Scenario, method: Method) -> dict[str, int]:
    parts = s.parts()
    return parts.sketched(best(parts.order, parts.scene(), method))


def _wasteful() -> Scenario:
    """The first one leaves room for nobody, and the two others fill the machine."""
    s = Scenario(chunks=8).task("first", chunks=5, runs=1000)
    return s.task("second", chunks=4, runs=1150).task("third", chunks=4, runs=1150)


def test_without_tries_the_order_is_followed() -> None:
    assert _found(_wasteful(), Method(depth=1, tries=0))["first"] == 0


def test_with_tries_it_finds_those_that_fit_together() -> None:
    assert _found(_wasteful(), Method(depth=32, tries=20)) == {"second": 0, "third": 0, "first": 1150}


def test_what_is_found_never_costs_more_than_the_order_itself() -> None:
    for tries in range(5):
        parts = _wasteful().parts()
        scene = parts.scene()
        assert best(parts.order, scene, Method(depth=4, tries=tries)).cost <= scene.sketch(parts.order, 4).cost


def test_nobody_is_moved_past_a_higher_priority() -> None:
    s = _wasteful().task("low", chunks=1, runs=1, priority=1)
    parts = s.parts()
    found = best(parts.order, parts.scene(), Method(depth=1, tries=80))
    assert [entry.level for entry in found.order] == [0, 0, 0, 1]


def test_the_plan_of_easy_backfilling_competes() -> None:
    """Two short ones fill the machine as soon as they can; to let the long one go now delays one of them a little."""
    s = Scenario(chunks=8).running(chunks=6, ends=100).task("long", chunks=2, runs=1000)
    s.task("first", chunks=4, runs=10).task("second", chunks=4, runs=200)
    assert _found(s, Method(depth=32, tries=0)) == {"first": 100, "second": 100, "long": 110}
    assert _found(s, Method(depth=32, tries=0, easy=True)) == {"long": 0, "first": 100, "second": 110}


@pytest.mark.parametrize(
    ("accuracy", "tries"), [(1.0, 0), (EXACT, 0), (EXACT - 0.01, 30), (WILD, 30), (WILD - 0.01, 80), (0.0, 80)]
)
def test_the_less_a_plan_is_worth_the_more_other_starts_are_tried(accuracy: float, tries: int) -> None:
    assert method_for(accuracy).tries == tries
