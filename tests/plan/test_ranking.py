# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from itertools import pairwise

import pytest

from sd_taskpacker.model.resource import CPU, MEMORY
from sd_taskpacker.plan.ranking import share_of
from tests.plan.scenario import Scenario

DAY = 86400


def test_priority_comes_before_everything() -> None:
    s = Scenario().task("short", runs=1, age=100 * DAY).task("long", runs=1000, priority=101)
    assert s.parts().keys == ["long", "short"]


def test_among_equals_the_shorter_goes_first() -> None:
    assert Scenario().task("long", runs=1000).task("short", runs=100).parts().keys == ["short", "long"]


def test_of_those_that_run_as_long_the_smaller_goes_first() -> None:
    assert Scenario().task("large", chunks=20).task("small", chunks=2).parts().keys == ["small", "large"]


def test_equals_stay_as_they_came() -> None:
    keys = [str(number) for number in range(50)]
    s = Scenario()
    for key in keys:
        s.task(key)
    assert s.parts().keys == keys


def test_who_has_waited_for_long_goes_before_the_short_ones_that_come() -> None:
    s = Scenario().task("short", runs=100)
    assert s.task("long", runs=10_000, age=DAY).parts().keys == ["short", "long"]
    assert s.task("old", runs=10_000, age=30 * DAY).parts().keys == ["old", "short", "long"]


def test_whose_promise_is_due_goes_before_its_equals_and_after_its_betters() -> None:
    s = Scenario().task("short", runs=1).task("due", runs=1000, promised=0).task("better", priority=101)
    assert s.parts().keys == ["better", "due", "short"]
    assert [(entry.level, entry.ahead) for entry in s.parts().order] == [(0, False), (1, True), (1, False)]


def test_the_longer_it_waits_the_more_its_waiting_costs() -> None:
    s = Scenario()
    for days in (30, 3, 0):
        s.task(str(days), age=days * DAY)
    weights = [entry.weight for entry in s.parts().order]
    assert all(one > other for one, other in pairwise(weights))


def test_who_waited_for_a_century_or_comes_tomorrow_has_a_finite_weight() -> None:
    parts = Scenario().task("old", age=36500 * DAY).task("early", age=-DAY).parts()
    assert parts.keys == ["old", "early"]
    assert all(0 < entry.weight < 1e30 for entry in parts.order)


def test_a_share_is_that_of_the_scarcest_resource() -> None:
    assert share_of({MEMORY: 1, CPU: 4}, {MEMORY: 32, CPU: 8}) == 0.5


def test_a_units_limit_is_no_measure_of_size_nor_is_what_is_not_there() -> None:
    assert share_of({"unit:job": 1, "gpu": 7, MEMORY: 1}, {"unit:job": 1, MEMORY: 0}) == 0


def test_backlog_is_what_runs_and_what_waits_on_the_whole_machine() -> None:
    s = Scenario(chunks=8).running(chunks=4, since=50, ends=100).task("a", chunks=2, runs=40)
    assert s.parts().work == pytest.approx(0.5 * 100 + 0.25 * 40)
