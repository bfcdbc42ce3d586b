# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.engine.retention import surplus
from sd_taskpacker.model.task import Result, Task
from tests.engine.builders import ended, task


def _runs(results: str) -> list[Task]:
    """`sfs`: success, failure, success; newest first."""
    word = {"s": Result.SUCCESS, "f": Result.EXIT_CODE}
    return [ended(task(version=str(number)), word[letter]) for number, letter in enumerate(results)]


def _beyond(results: str, keep_success: int, keep_failed: int) -> list[str]:
    return [old.id.version for old in surplus(_runs(results), keep_success=keep_success, keep_failed=keep_failed)]


def test_successes_and_failures_are_counted_apart() -> None:
    assert _beyond("sfsfsf", 1, 2) == ["2", "4", "5"]


def test_zero_keeps_none() -> None:
    assert _beyond("sf", 0, 0) == ["0", "1"]


def test_below_the_numbers_all_stay() -> None:
    assert _beyond("ssff", 5, 5) == []
