# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from collections.abc import Sequence

from sd_taskpacker.plan.pack import LARGEST, pack
from sd_taskpacker.plan.planner import BATCH, plan, starts
from tests.plan.scenario import NOW, SECOND, Scenario


def _batch(*sizes: tuple[int, int], chunks: int = 10) -> Scenario:
    """(chunks, seconds) each, all of which come now."""
    s = Scenario(chunks=chunks)
    for number, (wide, runs) in enumerate(sizes):
        s.task(f"t{number}", chunks=wide, runs=runs)
    return s


def _over(s: Scenario) -> int:
    """Seconds until the last one ends."""
    parts = s.parts()
    return max(start + entry.duration - NOW for entry, start in pack(parts.order, parts.room)) // SECOND


PERFECT: Sequence[tuple[int, int]] = [
    (6, 50),
    (4, 30),
    (4, 20),
    (3, 40),
    (7, 20),
    (7, 20),
    (10, 10),
    (5, 15),
    (5, 15),
]
"""Cut from a strip of 10 chunks and 115 seconds, without waste."""


def test_a_batch_without_waste_is_planned_without_waste() -> None:
    assert _over(_batch(*PERFECT)) == 115


def test_it_is_over_no_later_than_with_the_longest_first() -> None:
    assert _over(_batch((1, 9), (9, 9), (5, 8), (5, 7), (3, 6), (7, 5), (2, 4), (8, 3))) <= 42


def test_what_runs_is_packed_around() -> None:
    s = _batch((10, 10), *[(5, 10)] * 2, chunks=10).running(chunks=5, ends=20)
    assert _over(s) == 30


def test_the_same_batch_gives_the_same_plan() -> None:
    s = _batch(*PERFECT[::-1])
    assert repr(s.plan()) == repr(s.plan())


def test_a_very_large_batch_is_planned_longest_first() -> None:
    s = _batch(*[(10, 1)] * LARGEST, (10, 2))
    parts = s.parts()
    first, start = pack(parts.order, parts.room)[0]
    assert (first.candidate.key, start) == (f"t{LARGEST}", NOW)


def test_of_a_batch_only_those_start_that_fit_now() -> None:
    s = _batch(*[(1, 10)] * (BATCH - 1), (26, 10), chunks=32)
    now = starts(s.snapshot())
    assert sum(lease.claims["memory"] for lease in now.placed) <= 32
    assert {lease.owner for lease in now.placed} == plan(s.snapshot()).due


def test_who_waits_of_a_batch_is_promised_its_planned_start_or_a_later_one() -> None:
    s = _batch(*[(10, 10)] * BATCH)
    assert all(s.promises()[key] >= start for key, start in s.starts().items())


def test_a_batch_goes_on_in_the_order_of_its_plan() -> None:
    s = Scenario(chunks=10).running(chunks=10, ends=0)
    for number in range(BATCH):
        s.task(f"t{number}", chunks=10, runs=1 + number, promised=100 * (BATCH - number), age=10)
    assert [key for key, _ in sorted(s.starts().items(), key=lambda each: each[1])][0] == f"t{BATCH - 1}"
