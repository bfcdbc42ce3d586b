# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.plan.fill import OPEN_STEPS, fill, fill_in_time
from tests.plan.scenario import NOW, SECOND, Scenario


def _filled(s: Scenario, *keys: str) -> dict[str, int]:
    parts = s.parts()
    order = sorted(parts.order, key=lambda entry: keys.index(entry.candidate.key))
    return {entry.candidate.key: (start - NOW) // SECOND for entry, start in fill(order, parts.room)}


def test_a_later_one_fills_the_hole_before_an_earlier_one() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8).task("short", chunks=2, runs=30)
    assert _filled(s, "large", "short") == {"large": 30, "short": 0}


def test_a_later_one_that_is_too_long_for_the_hole_delays_nobody() -> None:
    s = Scenario(chunks=8).running(chunks=6, ends=30).task("large", chunks=8).task("long", chunks=2, runs=31)
    assert _filled(s, "large", "long") == {"large": 30, "long": 90}


def test_all_claims_must_fit_for_the_whole_time() -> None:
    s = Scenario(chunks=8, cpus=2).running(chunks=1, cpus=2, ends=30).running(chunks=8, cpus=0, ends=50)
    assert _filled(s.task("a", chunks=4, cpus=1), "a") == {"a": 50}


def test_of_very_many_the_oldest_holes_are_given_up_and_nobody_is_placed_before_them() -> None:
    s = Scenario(chunks=4)
    keys = [str(number) for number in range(OPEN_STEPS + 50)]
    for key in keys:
        s.task(key, chunks=3, runs=10)
    starts = _filled(s.task("small", runs=10), *keys, "small")
    assert [starts[key] for key in keys] == [10 * number for number in range(len(keys))]
    assert 0 < starts["small"] < starts[keys[-1]]


def test_who_would_come_after_its_promise_comes_first() -> None:
    s = Scenario(chunks=8).task("short", chunks=8, runs=30).task("promised", chunks=8, promised=20)
    parts = s.parts()
    parts.order.sort(key=lambda entry: entry.candidate.key, reverse=True)
    placed = {entry.candidate.key: (start - NOW) // SECOND for entry, start in fill_in_time(parts.order, parts.room)}
    assert placed == {"promised": 0, "short": 60}
