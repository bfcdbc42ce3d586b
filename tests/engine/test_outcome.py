# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine.outcome import judge, may_be_spawn_error
from sd_taskpacker.engine.ports import DONE, STOPPED, Receipt
from sd_taskpacker.model.task import Outcome, Result, Usage
from tests.engine.builders import NOW, SECOND, receipt


def _judged(left: Receipt | None, note: str = "", spawn_error: str | None = None) -> Outcome:
    return judge(left, note=note, spawn_error=spawn_error, now=NOW)


@pytest.mark.parametrize(
    ("left", "result", "exit_status", "signal"),
    [
        (receipt(), Result.SUCCESS, 0, None),
        (receipt("exit-code", "exited", "3"), Result.EXIT_CODE, 3, None),
        (receipt("exit-code", "exited", "203"), Result.EXIT_CODE, 203, None),
        (receipt("signal", "killed", "KILL"), Result.SIGNAL, None, "KILL"),
        (receipt("core-dump", "dumped", "SEGV"), Result.CORE_DUMP, None, "SEGV"),
        (receipt("timeout", "killed", "TERM"), Result.TIMEOUT, None, "TERM"),
        (receipt("oom-kill", "killed", "KILL"), Result.OOM_KILL, None, "KILL"),
        (receipt("signal", "killed", "KILL", oom_kills=1), Result.OOM_KILL, None, "KILL"),
        (receipt("exit-code", "exited", "1", oom_kills=1), Result.OOM_KILL, 1, None),
        (receipt("success", "exited", "0", oom_kills=1), Result.SUCCESS, 0, None),
        (receipt("success", "killed", "TERM"), Result.SIGNAL, None, "TERM"),
        (receipt("resources", "", ""), Result.COULD_NOT_START, None, None),
        (receipt("watchdog", "dumped", "ABRT"), Result.WATCHDOG, None, "ABRT"),
    ],
)
def test_each_end_has_its_own_result(
    left: Receipt, result: Result, exit_status: int | None, signal: str | None
) -> None:
    outcome = _judged(left)
    assert (outcome.result, outcome.exit_status, outcome.signal) == (result, exit_status, signal)


def test_systemds_own_203_is_told_from_the_programs() -> None:
    left = receipt("exit-code", "exited", "203")
    assert may_be_spawn_error(left)
    outcome = _judged(left, spawn_error="Failed at step EXEC spawning /nonexistent: No such file or directory")
    assert outcome.result is Result.COULD_NOT_START
    assert outcome.exit_status is None
    assert "/nonexistent" in outcome.message


@pytest.mark.parametrize(
    "left", [None, receipt(), receipt("exit-code", "exited", "1"), receipt("signal", "killed", "KILL")]
)
def test_the_journal_is_asked_only_where_it_can_tell(left: Receipt | None) -> None:
    assert not may_be_spawn_error(left)


def test_a_unit_stopped_by_hand_is_no_success() -> None:
    assert _judged(receipt("success", "killed", "TERM"), note=STOPPED).result is Result.STOPPED
    assert _judged(receipt("success", "exited", "0"), note=STOPPED).result is Result.STOPPED
    assert _judged(None, note=STOPPED).result is Result.STOPPED


def test_without_a_trace_nothing_is_guessed() -> None:
    assert _judged(None).result is Result.LOST


def test_the_end_and_the_use_are_the_receipts() -> None:
    outcome = _judged(receipt(cpu_usec=7, memory_peak=None))
    assert outcome.ended_usec == NOW + SECOND
    assert outcome.usage == Usage(cpu_usec=7, memory_peak=None)


def test_without_a_receipt_systemds_job_still_tells_a_success() -> None:
    outcome = _judged(None, note=DONE)
    assert (outcome.result, outcome.exit_status, outcome.usage) == (Result.SUCCESS, None, Usage())
