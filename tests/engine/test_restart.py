# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import itertools

import pytest

from sd_taskpacker.engine.ports import ObservedUnit, Remembered
from sd_taskpacker.engine.restart import Step, next_step
from sd_taskpacker.model.task import Result, Task
from tests.engine.builders import BOOT, TODAY, ended, receipt, task, unit
from tests.engine.daemon import Daemon, running


def _step(
    of: Task, *, alive: bool = False, loaded: bool = False, left: bool = False, began: bool | None = False
) -> Step:
    return next_step(of, boot_id=BOOT, alive=alive, loaded=loaded, receipt=left, began=began)


def test_what_runs_is_adopted() -> None:
    assert _step(task(), alive=True, loaded=True, began=True) is Step.ADOPT


def test_what_ended_meanwhile_is_judged_by_its_receipt() -> None:
    assert _step(task(), left=True, began=True) is Step.JUDGE
    assert _step(task(), loaded=True, left=True, began=True) is Step.JUDGE


def test_what_was_never_handed_to_systemd_is_launched() -> None:
    assert _step(task()) is Step.LAUNCH


@pytest.mark.parametrize("began", [True, None])
def test_what_ran_or_may_have_run_and_left_no_trace_is_lost_and_not_run_twice(began: bool | None) -> None:
    assert _step(task(), began=began) is Step.LOST


@pytest.mark.parametrize(("alive", "left", "began"), list(itertools.product([False, True], repeat=3)))
def test_a_reboot_loses_what_ran_whatever_is_found(alive: bool, left: bool, began: bool) -> None:
    assert _step(task(boot_id="an earlier boot"), alive=alive, loaded=alive, left=left, began=began) is Step.LOST


@pytest.mark.parametrize(("alive", "left", "began"), list(itertools.product([False, True], repeat=3)))
def test_a_committed_end_is_only_finished(alive: bool, left: bool, began: bool) -> None:
    assert _step(ended(task()), alive=alive, loaded=alive, left=left, began=began) is Step.FINISH


async def test_each_open_task_is_taken_up_where_it_was_left() -> None:
    runs, over, never, done = task("runs"), task("over"), task("never"), ended(task("done"))
    daemon = Daemon(remembered=Remembered(open=(runs, over, never, done)))
    daemon.launcher.observed = [ObservedUnit(runs.id, alive=True)]
    daemon.receipts.box[over.id.unit_name] = receipt("exit-code", "exited", "7")
    daemon.workdirs.half_made = {never.id}
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.until(f"commit-close {over.id}")
        await daemon.until(f"commit-close {done.id}")
        await daemon.until(f"start {never.id}")
    assert daemon.diary.about("adopt") == [f"adopt {runs.id}"]
    assert f"signal {over.id} exit-code" in daemon.diary
    assert f"signal {done.id} success" in daemon.diary
    assert daemon.diary.about("remove", "prepare") == [f"remove {never.id}", f"prepare {never.id}"]


async def test_what_has_ended_is_told_when_it_can_be_heard_and_closed_only_after_that() -> None:
    over, done = task("over"), ended(task("done"))
    daemon = Daemon(remembered=Remembered(open=(over, done)))
    daemon.receipts.box[over.id.unit_name] = receipt()
    async with running(daemon, resumed=False):
        await daemon.life.resume(BOOT)
        assert daemon.diary.about("commit-end", "commit-close", "changed", "signal") == [f"commit-end {over.id}"]
        daemon.herald.announce()
        for one in (over, done):
            await daemon.until(f"commit-close {one.id}")
            assert f"signal {one.id} success" in daemon.diary
    assert f"changed {over.id} complete" in daemon.diary


async def test_the_journal_is_asked_only_about_what_left_no_other_trace() -> None:
    runs, over, never, done = task("runs"), task("over"), task("never"), ended(task("done"))
    old = task("old", boot_id="an earlier boot")
    daemon = Daemon(remembered=Remembered(open=(runs, over, never, done, old)))
    daemon.launcher.observed = [ObservedUnit(runs.id, alive=True)]
    daemon.receipts.box[over.id.unit_name] = receipt()
    async with running(daemon, resumed=False):
        await daemon.resume()
    assert daemon.witness.asked == [never.id.unit_name]


@pytest.mark.parametrize("has_journal", [True, False])
async def test_a_task_that_systemd_has_dealt_with_or_may_have_is_not_run_again(has_journal: bool) -> None:
    ran = task("ran")
    daemon = Daemon(remembered=Remembered(open=(ran,)))
    daemon.witness.has_journal = has_journal
    daemon.witness.seen.add(ran.id.unit_name)
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.until(f"commit-close {ran.id}")
    assert f"signal {ran.id} {Result.LOST}" in daemon.diary
    assert not daemon.diary.about("start")


async def test_after_a_reboot_tasks_that_ran_fail_as_lost() -> None:
    old = task("old", boot_id="an earlier boot")
    daemon = Daemon(remembered=Remembered(open=(old,)))
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.until(f"commit-close {old.id}")
    assert f"signal {old.id} {Result.LOST}" in daemon.diary


async def test_a_directory_that_somebody_used_is_not_removed_for_a_new_start() -> None:
    never = task("never")
    daemon = Daemon(remembered=Remembered(open=(never,)))
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.until(f"prepare {never.id}")
        assert not daemon.diary.about("remove")


async def test_what_ended_meanwhile_has_ended_before_the_roots_are_looked_at() -> None:
    root = task("build")
    daemon = Daemon(unit("build", root=True), remembered=Remembered(open=(root,), serials={"build": (TODAY, 1)}))
    daemon.receipts.box[root.id.unit_name] = receipt("exit-code", "exited", "210")
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.loop.begin_cycles()
        await daemon.desk.start_roots()
        await daemon.until(f"start build@{TODAY}.1")
