# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine import life, loop
from sd_taskpacker.engine.ports import DONE, STOPPED, UNSURE
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Result
from sd_taskpacker.model.unit import Kind
from tests.engine.builders import ADMIN, TODAY, receipt, request, unit
from tests.engine.daemon import Daemon, running

JOB = f"job@{TODAY}.0"


async def _started(daemon: Daemon) -> None:
    answers = await daemon.desk.batch_submit(ADMIN, [request()])
    assert answers[0].started == (JOB,)
    await daemon.until(f"start {JOB}")


async def test_a_start_is_committed_before_systemd_hears_of_it() -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        assert daemon.diary.about("commit-start", "prepare", "start") == [
            f"commit-start {JOB}",
            f"prepare {JOB}",
            f"start {JOB}",
        ]


@pytest.mark.parametrize("refusal", [None, "Unknown unit property: Foo"])
async def test_the_output_file_is_closed_once_systemd_has_answered(refusal: str | None) -> None:
    daemon = Daemon(unit())
    daemon.launcher.refuses = refusal
    async with running(daemon):
        await _started(daemon)
        await daemon.until(f"close-output {JOB}")
        assert daemon.diary.about("start", "close-output") == [f"start {JOB}", f"close-output {JOB}"]


async def test_an_end_is_committed_then_told_then_the_unit_is_released() -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        assert daemon.diary[daemon.diary.index(f"close-output {JOB}") + 1 :] == [
            f"commit-end {JOB}",
            f"changed {JOB} complete",
            f"seal {JOB}",
            f"signal {JOB} success",
            f"release {JOB}",
            f"discard taskpacker-{JOB.replace('@', ':')}.service",
            f"collect {JOB}",
            f"commit-close {JOB}",
        ]


async def test_the_signal_tells_of_room_that_the_ended_task_gave_back() -> None:
    async with running(Daemon(unit(chunks=32), chunks=32, cpus=4)) as daemon:
        await _started(daemon)
        assert daemon.desk.figures().slots == (0, 0, 0, 0)
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        assert daemon.signals.slots == [(4, 4, 4, 1)]


async def test_a_unit_that_is_told_over_twice_ends_once() -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.end(JOB)
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        daemon.end(JOB)
        await daemon.desk.batch_submit(ADMIN, [request()])
        assert len(daemon.diary.about("signal", "commit-end")) == 2


async def test_what_systemd_refuses_fails_as_could_not_start_with_systemds_words() -> None:
    daemon = Daemon(unit())
    daemon.launcher.refuses = "Unknown unit property: Foo"
    async with running(daemon):
        await _started(daemon)
        await daemon.until(f"commit-close {JOB}")
        outcome = (await daemon.desk.get_task(JOB)).outcome
        assert outcome is not None
        assert (outcome.result, outcome.message) == (Result.COULD_NOT_START, "Unknown unit property: Foo")


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), LookupError("no user 'nosuch'"), ValueError("a bug of ours")]
)
async def test_without_a_work_directory_systemd_is_not_asked(error: Exception) -> None:
    daemon = Daemon(unit())
    daemon.workdirs.prepare_error = error
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.until(f"commit-close {JOB}")
        assert f"signal {JOB} could-not-start" in daemon.diary
        assert not daemon.diary.about("start")


async def test_a_directory_that_is_there_already_is_somebody_elses_and_left_alone() -> None:
    daemon = Daemon(unit(keep_failed=0))
    daemon.workdirs.prepare_error = FileExistsError(17, "File exists")
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.until(f"commit-drop {JOB}")
        assert not daemon.diary.about("seal", "collect", "remove")


async def test_a_receipt_that_cannot_be_read_does_not_keep_the_lease() -> None:
    daemon = Daemon(unit())
    daemon.receipts.error = PermissionError(13, "Permission denied")
    async with running(daemon):
        await _started(daemon)
        daemon.end(JOB, note=DONE)
        await daemon.until(f"signal {JOB} success")


async def test_an_end_that_the_store_refuses_is_kept_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "STORE_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(loop, "STORE_RETRY_SECONDS", 0.01)
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.store.fails = 3
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        assert daemon.diary.about("signal", "commit-end") == [f"commit-end {JOB}", f"signal {JOB} success"]


async def test_what_an_ended_task_fills_the_disk_with_goes_before_its_end_finds_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(life, "STORE_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(loop, "STORE_RETRY_SECONDS", 0.01)
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.store.fails = 1
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        assert daemon.diary.about("collect", "commit-end")[:2] == [f"collect {JOB}", f"commit-end {JOB}"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), LookupError("no user 'gone'")])
async def test_a_record_that_cannot_be_written_does_not_keep_the_signal_back(error: Exception) -> None:
    daemon = Daemon(unit())
    daemon.workdirs.seal_error = error
    async with running(daemon):
        await _started(daemon)
        daemon.end(JOB)
        await daemon.until(f"signal {JOB} success")


async def test_a_start_that_systemd_never_got_is_made_again() -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.workdirs.half_made.add(TaskId.parse(JOB))
        daemon.launcher.ended(TaskId.parse(JOB), UNSURE)
        await daemon.sees(lambda: daemon.diary.count(f"start {JOB}") == 2)
        assert daemon.diary.about("remove", "prepare") == [f"prepare {JOB}", f"remove {JOB}", f"prepare {JOB}"]
        daemon.end(JOB)
        await daemon.until(f"signal {JOB} success")


@pytest.mark.parametrize("has_journal", [True, False])
async def test_a_start_that_systemd_may_have_got_is_not_made_again(has_journal: bool) -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.witness.has_journal = has_journal
        daemon.witness.seen.add(TaskId.parse(JOB).unit_name)
        daemon.launcher.ended(TaskId.parse(JOB), UNSURE)
        await daemon.until(f"signal {JOB} lost")
        assert daemon.diary.about("start") == [f"start {JOB}"]


async def test_a_status_of_203_is_the_programs_unless_the_journal_says_otherwise() -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.witness.errors[f"taskpacker-job:{TODAY}.0.service"] = "Failed at step EXEC spawning /x: No such file"
        daemon.end(JOB, receipt("exit-code", "exited", "203"))
        await daemon.until(f"signal {JOB} could-not-start")


async def test_a_task_stopped_by_hand_fails_as_stopped() -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.end(JOB, receipt("success", "killed", "TERM"), note=STOPPED)
        await daemon.until(f"signal {JOB} stopped")


async def test_a_workorders_end_is_not_told_as_a_batch() -> None:
    async with running(Daemon(unit(kind=Kind.WORKORDER))) as daemon:
        assert await daemon.desk.workorder_start(ADMIN, [request()]) == [JOB]
        await daemon.until(f"start {JOB}")
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        assert not daemon.diary.about("signal")


async def test_only_the_newest_versions_are_kept() -> None:
    async with running(Daemon(unit(keep_success=1, keep_failed=1))) as daemon:
        for number, left in enumerate([receipt(), receipt("exit-code", "exited", "1"), receipt(), receipt()]):
            await daemon.desk.batch_submit(ADMIN, [request()])
            await daemon.until(f"start job@{TODAY}.{number}")
            daemon.end(f"job@{TODAY}.{number}", left)
            await daemon.until(f"commit-close job@{TODAY}.{number}")
        for number in (0, 2):
            await daemon.until(f"commit-drop job@{TODAY}.{number}")
        assert set(daemon.diary.about("remove")) == {f"remove job@{TODAY}.0", f"remove job@{TODAY}.2"}


async def test_versions_beyond_are_removed_once_however_many_end_together() -> None:
    async with running(Daemon(unit(keep_success=0), cpus=8)) as daemon:
        answers = await daemon.desk.batch_submit(ADMIN, [request()] * 8)
        ids = [task_id for answer in answers for task_id in answer.started]
        for task_id in ids:
            await daemon.until(f"start {task_id}")
        for task_id in ids:
            daemon.end(task_id)
        for task_id in ids:
            await daemon.until(f"commit-drop {task_id}")
        assert sorted(daemon.diary.about("remove")) == sorted(f"remove {task_id}" for task_id in ids)


async def test_a_receipt_that_cannot_be_removed_keeps_no_task_open() -> None:
    daemon = Daemon(unit())
    daemon.receipts.discard_error = OSError(30, "Read-only file system")
    async with running(daemon):
        await _started(daemon)
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")


async def test_an_end_that_may_not_have_been_told_is_left_to_the_next_daemon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(Daemon(unit())) as daemon:
        await _started(daemon)
        daemon.signals.bus_lost = True
        daemon.end(JOB)
        await daemon.sees(lambda: "the bus was lost" in caplog.text)
        assert daemon.diary.about("signal", "release", "commit-close") == [f"signal {JOB} success"]
