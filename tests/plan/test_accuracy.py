# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.plan.accuracy import ENOUGH, MEMORY, UNKNOWN, Accuracy


def _after(runs: int, took: int, expected: int, accuracy: Accuracy | None = None) -> Accuracy:
    accuracy = accuracy or Accuracy()
    for _ in range(runs):
        accuracy = accuracy.after(took, expected)
    return accuracy


def test_nothing_is_known_before_there_were_enough_runs() -> None:
    assert _after(ENOUGH - 1, 1, 10).value == UNKNOWN
    assert _after(ENOUGH, 1, 10).value == pytest.approx(0.1)


def test_who_takes_longer_than_expected_took_all_of_it() -> None:
    assert _after(ENOUGH, 1000, 10).value == 1


def test_the_old_is_forgotten() -> None:
    changed = _after(5 * MEMORY, 1, 10, _after(MEMORY, 10, 10))
    assert changed.value == pytest.approx(0.1, abs=0.01)
    assert changed.runs == MEMORY


@pytest.mark.parametrize(("took", "expected", "share"), [(0, 0, 0), (5, 0, 1), (-5, 10, 0)])
def test_times_that_cannot_be_make_a_share_all_the_same(took: int, expected: int, share: float) -> None:
    assert _after(ENOUGH, took, expected).value == share
