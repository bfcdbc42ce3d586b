# SPDX-License-Identifier: LGPL-2.1-or-later
"""A full or read-only disk, a damaged store: what is accepted is kept, nothing new is taken, and then it goes on."""

from __future__ import annotations

import pytest

from sd_taskpacker.engine import launching, leavings, life, loop
from sd_taskpacker.engine.ports import NoRoom
from sd_taskpacker.engine.trouble import Trouble
from sd_taskpacker.errors import AccessDenied, Internal, LimitExceeded
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Result
from tests.engine.builders import ADMIN, TODAY, request, task, unit
from tests.engine.daemon import Daemon, running

JOB, SECOND_JOB = f"job@{TODAY}.0", f"job@{TODAY}.1"
FULL = NoRoom("/state/job: No space left on device; free some space on its file system", ours=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (launching, "NO_ROOM_SECONDS"),
        (leavings, "NO_ROOM_SECONDS"),
        (life, "STORE_RETRY_SECONDS"),
        (loop, "STORE_RETRY_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.01)


async def test_a_store_that_refuses_is_shown_until_it_takes_something_again_by_itself() -> None:
    async with running(Daemon(unit())) as daemon:
        daemon.store.fails = 5
        with pytest.raises(LimitExceeded, match=r"state\.sqlite: disk full; free some space"):
            await daemon.desk.batch_submit(ADMIN, [request()])
        assert "disk full" in daemon.signals.figures[-1].trouble
        await daemon.sees(lambda: daemon.signals.figures[-1].trouble == "")
        assert daemon.store.commits == []
        answers = await daemon.desk.batch_submit(ADMIN, [request()])
        assert answers[0].started == (JOB,)


async def test_a_damaged_store_is_replaced_by_what_is_in_memory_and_nobody_is_refused() -> None:
    daemon = Daemon(unit(chunks=32), chunks=32)
    async with running(daemon):
        answers = await daemon.desk.batch_queue(ADMIN, [request(), request()])
        daemon.store.damaged = True
        answers += await daemon.desk.batch_queue(ADMIN, [request()])
        ids = [task_id for answer in answers for task_id in answer.started]
        (whole,) = daemon.store.renewed
        assert [str(each.id) for each in whole.open] == ids
        assert len(ids) == 3
        assert whole.serials == {"job": (TODAY, 3)}
        assert daemon.desk.figures().trouble == ""


async def test_a_damage_that_is_met_while_reading_is_mended_as_soon() -> None:
    async with running(Daemon(unit())) as daemon:
        daemon.store.damaged = True
        with pytest.raises(Internal, match="it is damaged"):
            await daemon.desk.get_task("gone@1")
        await daemon.until("renew")
        await daemon.sees(lambda: daemon.desk.figures().trouble == "")


async def test_a_new_store_that_finds_no_room_is_tried_again() -> None:
    async with running(Daemon(unit())) as daemon:
        daemon.store.damaged, daemon.store.cannot_renew = True, 3
        with pytest.raises(LimitExceeded, match="disk full"):
            await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: daemon.signals.figures[-1].trouble == "")
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (JOB,)


async def test_a_task_that_finds_no_room_waits_for_it_with_its_lease_and_runs_once() -> None:
    daemon = Daemon(unit(chunks=8), chunks=32)
    daemon.workdirs.prepare_error = FULL
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: len(daemon.diary.about("prepare")) > 2)
        assert daemon.desk.figures().chunks_free == 24
        assert "No space left" in daemon.signals.figures[-1].trouble
        daemon.workdirs.prepare_error = None
        await daemon.until(f"start {JOB}")
        assert daemon.diary.about("start", "commit-end") == [f"start {JOB}"]
        assert daemon.desk.figures().trouble == ""


async def test_nothing_new_is_taken_while_a_task_waits_for_room() -> None:
    daemon = Daemon(unit())
    daemon.workdirs.prepare_error = FULL
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: daemon.desk.figures().trouble != "")
        for call in (daemon.desk.batch_submit, daemon.desk.batch_queue):
            with pytest.raises(LimitExceeded, match="nothing new is taken while this lasts: /state/job: No space"):
                await call(ADMIN, [request()])
        daemon.workdirs.prepare_error = None
        await daemon.until(f"start {JOB}")
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (SECOND_JOB,)


async def test_a_full_disk_somewhere_else_holds_up_only_those_who_want_to_go_there() -> None:
    daemon = Daemon(unit())
    daemon.workdirs.prepare_error = NoRoom("/srv/builds: No space left on device", ours=False)
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: daemon.desk.figures().trouble != "")
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (SECOND_JOB,)


async def test_half_a_directory_that_could_not_be_taken_back_is_removed_before_the_next_try() -> None:
    daemon = Daemon(unit())
    daemon.workdirs.prepare_error = FULL
    daemon.workdirs.half_made = {TaskId.parse(JOB)}
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: len(daemon.diary.about("prepare")) > 1)
        assert daemon.diary.about("prepare", "remove")[:3] == [f"prepare {JOB}", f"remove {JOB}", f"prepare {JOB}"]


@pytest.mark.parametrize("order", ["cancel", "kill"])
async def test_a_task_that_finds_no_room_can_be_given_up(order: str) -> None:
    daemon = Daemon(unit(chunks=8, retries=1), chunks=32)
    daemon.workdirs.prepare_error = FULL
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: len(daemon.diary.about("prepare")) > 2)
        if order == "cancel":
            await daemon.desk.cancel(ADMIN, JOB)
        else:
            await daemon.desk.kill(ADMIN, JOB, "TERM")
        assert daemon.desk.figures().chunks_free == 32
        await daemon.until(f"commit-drop {JOB}")
        outcome = (await daemon.desk.get_task(JOB)).outcome
        assert outcome is not None
        assert (outcome.result, outcome.message) == (
            Result.CANCELLED,
            "uid 0 cancelled it while its directory found no room",
        )
        assert daemon.desk.figures().trouble == ""
        assert not daemon.diary.about("start", "kill", "commit-queue")


async def test_only_its_owner_gives_up_a_task_that_finds_no_room() -> None:
    daemon = Daemon(unit())
    daemon.workdirs.prepare_error = FULL
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.sees(lambda: TaskId.parse(JOB) in daemon.loop.stuck)
        other = Caller(uid=1001, may_manage=False, may_submit=True)
        for call in (daemon.desk.cancel(other, JOB), daemon.desk.kill(other, JOB, "TERM")):
            with pytest.raises(AccessDenied):
                await call


async def test_a_record_that_finds_no_room_is_written_when_there_is_some_and_then_the_task_is_closed() -> None:
    daemon = Daemon(unit())
    async with running(daemon):
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.until(f"start {JOB}")
        daemon.workdirs.seal_error = FULL
        daemon.end(JOB)
        await daemon.until(f"signal {JOB} success")
        await daemon.sees(lambda: len(daemon.diary.about("seal")) > 2)
        assert f"commit-close {JOB}" not in daemon.diary
        daemon.workdirs.seal_error = None
        await daemon.until(f"commit-close {JOB}")
        # What a read-only disk kept from going goes now.
        assert daemon.diary[-3:-1] == [f"seal {JOB}", f"collect {JOB}"]
        assert len(daemon.diary.about("signal")) == 1
        assert daemon.desk.figures().trouble == ""


def test_a_trouble_lasts_until_the_last_task_that_met_it_has_gone_on() -> None:
    trouble, first, second = Trouble(), task("first"), task("second")
    trouble.meet(first, FULL)
    trouble.meet(second, FULL)
    trouble.overcome(first)
    trouble.overcome(first)
    assert trouble.text == str(FULL)
    trouble.overcome(second)
    assert trouble.text == ""


def test_a_change_is_told_once() -> None:
    trouble = Trouble()
    texts: list[str] = []
    trouble.changed = lambda: texts.append(trouble.text)
    for text in ("full", "full", "still full", "", ""):
        trouble.tell("store", text)
    assert texts == ["full", "still full", ""]
