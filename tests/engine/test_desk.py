# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio

import pytest

from sd_taskpacker.engine import loop
from sd_taskpacker.engine.events import TaskEnded
from sd_taskpacker.engine.ports import Budget, Remembered, TaskFilter
from sd_taskpacker.engine.trouble import STORE
from sd_taskpacker.errors import (
    AccessDenied,
    Decommissioned,
    Internal,
    InvalidArgs,
    LimitExceeded,
    NoSuchTask,
    NoSuchUnit,
    WrongState,
)
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import TaskState
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, TODAY, catalogue, ended, parameter, request, task, unit
from tests.engine.daemon import Daemon, running

JOB = f"job@{TODAY}.0"
GUEST = Caller(uid=1000, may_manage=False, may_submit=False)
USER = Caller(uid=1000, may_manage=False, may_submit=True)


async def test_concurrent_calls_never_overcommit() -> None:
    async with running(Daemon(unit(chunks=10), chunks=32)) as daemon:
        answers = await asyncio.gather(*(daemon.desk.batch_submit(ADMIN, [request()]) for _ in range(20)))
        assert sum(len(answer[0].started) for answer in answers) == 3


async def test_who_may_not_submit_is_refused() -> None:
    async with running(Daemon(unit())) as daemon:
        with pytest.raises(AccessDenied):
            await daemon.desk.batch_submit(GUEST, [request()])
        assert daemon.diary == []


async def test_a_caller_from_a_task_that_does_not_run_is_refused() -> None:
    caller = Caller(uid=1000, may_manage=False, may_submit=True, task=TaskId("gone", "1"))
    async with running(Daemon(unit())) as daemon:
        with pytest.raises(AccessDenied, match="gone@1"):
            await daemon.desk.batch_submit(caller, [request()])


async def test_only_managers_manage() -> None:
    async with running(Daemon(unit())) as daemon:
        for call in (
            daemon.desk.decommission(USER, "job"),
            daemon.desk.recommission(USER, "job"),
            daemon.desk.reload(USER),
        ):
            with pytest.raises(AccessDenied):
                await call


async def test_a_version_in_history_clashes() -> None:
    async with running(Daemon(unit())) as daemon:
        asked = request(args={"version": Value("s", "v1")})
        await daemon.desk.batch_submit(ADMIN, [asked])
        await daemon.until("start job@v1")
        daemon.end("job@v1")
        await daemon.until("commit-close job@v1")
        with pytest.raises(InvalidArgs, match="job@v1"):
            await daemon.desk.batch_submit(ADMIN, [asked])


async def test_when_the_store_refuses_nothing_is_started() -> None:
    async with running(Daemon(unit())) as daemon:
        daemon.store.fails = 1
        with pytest.raises(LimitExceeded, match="disk full"):
            await daemon.desk.batch_submit(ADMIN, [request()])
        assert daemon.diary == []
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (JOB,)


async def test_decommission_closes_the_whole_root_and_recommission_opens_it() -> None:
    async with running(Daemon(unit("build"))) as daemon:
        await daemon.desk.decommission(ADMIN, "build/some/child")
        await daemon.desk.decommission(ADMIN, "build")
        with pytest.raises(Decommissioned):
            await daemon.desk.batch_submit(ADMIN, [request("build")])
        await daemon.desk.recommission(ADMIN, "build")
        assert (await daemon.desk.batch_submit(ADMIN, [request("build")]))[0].started
        assert len(daemon.diary.about("commit-root")) == 2


async def test_an_unknown_root_cannot_be_decommissioned() -> None:
    async with running(Daemon()) as daemon:
        with pytest.raises(NoSuchUnit, match="nosuch"):
            await daemon.desk.decommission(ADMIN, "nosuch")


async def test_kill_goes_to_a_running_task_only() -> None:
    async with running(Daemon(unit())) as daemon:
        await daemon.desk.batch_submit(ADMIN, [request()])
        for written in ("KILL", "SIGKILL", "9", "sigkill"):
            await daemon.desk.kill(ADMIN, JOB, written)
        assert daemon.diary.about("kill") == [f"kill {JOB} KILL"] * 4
        with pytest.raises(InvalidArgs):
            await daemon.desk.kill(ADMIN, JOB, "BOGUS")
        with pytest.raises(NoSuchTask):
            await daemon.desk.kill(ADMIN, "job@nosuch", "KILL")
        await daemon.until(f"start {JOB}")
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        with pytest.raises(WrongState):
            await daemon.desk.kill(ADMIN, JOB, "KILL")


async def test_kill_waits_for_the_processes_of_a_task_that_was_just_started() -> None:
    async with running(Daemon(unit())) as daemon:
        await daemon.desk.batch_submit(ADMIN, [request()])
        daemon.launcher.nothing_to_kill = 2
        await daemon.desk.kill(ADMIN, JOB, "KILL")
        assert daemon.diary.about("kill") == [f"kill {JOB} KILL"] * 3


async def test_only_the_submitter_or_a_manager_may_kill() -> None:
    async with running(Daemon(unit())) as daemon:
        await daemon.desk.batch_submit(USER, [request()])
        await daemon.desk.kill(USER, JOB, "TERM")
        for other in (Caller(uid=1001, may_manage=False, may_submit=True), GUEST):
            with pytest.raises(AccessDenied):
                await daemon.desk.kill(other, JOB, "TERM")


async def test_tasks_are_listed_and_shown_from_history_too() -> None:
    async with running(Daemon(unit())) as daemon:
        await daemon.desk.batch_submit(ADMIN, [request()])
        assert [str(one.id) for one in await daemon.desk.list_tasks(TaskFilter())] == [JOB]
        await daemon.until(f"start {JOB}")
        daemon.end(JOB)
        await daemon.until(f"commit-close {JOB}")
        assert await daemon.desk.list_tasks(TaskFilter()) == []
        assert (await daemon.desk.get_task(JOB)).state is TaskState.COMPLETE
        for bogus in ("job@nosuch", "no id", ""):
            with pytest.raises(NoSuchTask):
                await daemon.desk.get_task(bogus)


async def test_a_changed_budget_is_enforced_and_shown_with_the_next_call() -> None:
    async with running(Daemon(unit(chunks=8), chunks=4)) as daemon:
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].rejected == ("job",)
        daemon.machine.now = Budget(memory=8 * CHUNK_BYTES, cpus=4)
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (JOB,)
        assert daemon.diary.about("enforce") == [f"enforce {8 * CHUNK_BYTES}"]
        assert daemon.signals.figures[-1].chunks_total == 8


async def test_a_budget_that_shrinks_leaves_what_runs_its_memory_until_it_has_ended() -> None:
    async with running(Daemon(unit(chunks=8), chunks=32)) as daemon:
        await daemon.desk.enforce_budget()
        ids = [(await daemon.desk.batch_submit(ADMIN, [request()]))[0].started[0] for _ in range(3)]
        daemon.machine.now = Budget(memory=4 * CHUNK_BYTES, cpus=4)
        await daemon.desk.refresh_budget()
        assert daemon.desk.figures().chunks_total == 4
        for task_id, left in zip(ids, (16, 8, 4), strict=True):
            await daemon.until(f"start {task_id}")
            daemon.end(task_id)
            await daemon.until(f"enforce {left * CHUNK_BYTES}")
        assert daemon.diary.about("enforce") == [f"enforce {chunks * CHUNK_BYTES}" for chunks in (32, 24, 16, 8, 4)]


async def test_a_daemon_that_finds_a_smaller_budget_leaves_what_it_takes_up_its_memory() -> None:
    held = task("full", "1", chunks=32)
    async with running(Daemon(remembered=Remembered(open=(held,)), chunks=4)) as daemon:
        await daemon.desk.enforce_budget()
        assert daemon.diary.about("enforce") == [f"enforce {32 * CHUNK_BYTES}"]


async def test_workorders_that_claim_more_than_there_is_make_no_slice_larger() -> None:
    async with running(Daemon(unit(kind=Kind.WORKORDER, chunks=64), chunks=32)) as daemon:
        await daemon.desk.enforce_budget()
        await daemon.desk.workorder_start(ADMIN, [request()])
        daemon.machine.now = Budget(memory=16 * CHUNK_BYTES, cpus=4)
        await daemon.desk.refresh_budget()
        assert daemon.diary.about("enforce") == [f"enforce {32 * CHUNK_BYTES}"] * 2


async def test_roots_start_with_the_daemon_and_one_that_fails_hinders_no_other() -> None:
    huge, broken = unit("huge", root=True, chunks=99), unit("broken", root=True, parameters=(parameter(),))
    fine = unit("fine", root=True, kind=Kind.WORKORDER)
    async with running(Daemon(huge, broken, fine, unit("later"))) as daemon:
        await daemon.desk.start_roots()
        await daemon.until(f"start fine@{TODAY}.0")
        assert daemon.desk.figures().roots == ("broken", "fine", "huge")
        await daemon.desk.start_roots()
        assert len([entry for entry in daemon.diary if entry == f"start fine@{TODAY}.0"]) == 1


async def test_a_decommissioned_root_does_not_start() -> None:
    async with running(Daemon(unit("build", root=True))) as daemon:
        await daemon.desk.decommission(ADMIN, "build")
        await daemon.desk.start_roots()
        assert not daemon.diary.about("commit-start")


async def test_a_batch_root_that_finds_no_room_waits_for_it() -> None:
    daemon = Daemon(unit("build", root=True), remembered=Remembered(open=(task("full", chunks=32),)))
    async with running(daemon):
        await daemon.desk.start_roots()
        assert daemon.desk.figures().queued == 1
        daemon.end(str(task("full").id))
        await daemon.until(f"start build@{TODAY}.0")


async def test_a_root_that_is_refused_while_drained_starts_on_resume_and_no_other_does() -> None:
    build, other = (unit(name, kind=Kind.WORKORDER, root=True) for name in ("build", "other"))
    daemon = Daemon(build, other, remembered=Remembered(open=(task("other"),), drained=True))
    async with running(daemon):
        await daemon.desk.start_roots()
        daemon.end(str(task("other").id))
        await daemon.until(f"commit-close {task('other').id}")
        assert not daemon.diary.about("commit-start")
        await daemon.desk.resume(ADMIN)
        await daemon.until(f"start build@{TODAY}.0")
        await daemon.desk.drain(ADMIN)
        await daemon.desk.resume(ADMIN)
        assert daemon.diary.about("commit-start") == [f"commit-start build@{TODAY}.0"]


async def test_roots_that_the_store_refuses_start_when_it_takes_something_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "STORE_RETRY_SECONDS", 0.01)
    daemon = Daemon(unit("build", root=True), unit("steward", kind=Kind.WORKORDER, root=True))
    async with running(daemon):
        daemon.store.fails = 3
        await daemon.desk.start_roots()
        await daemon.until(f"start build@{TODAY}.0")
        await daemon.until(f"start steward@{TODAY}.0")
        assert len(daemon.diary.about("commit-start")) == 2


async def test_a_budget_that_cannot_be_enforced_is_not_used_and_tried_again() -> None:
    async with running(Daemon(unit(chunks=8), chunks=4)) as daemon:
        daemon.launcher.cannot_enforce = Internal("systemd does not put the budget on taskpacker.slice")
        daemon.machine.now = Budget(memory=8 * CHUNK_BYTES, cpus=4)
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].rejected == ("job",)
        daemon.launcher.cannot_enforce = None
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (JOB,)


async def test_a_root_that_ran_before_a_reboot_is_started_again() -> None:
    lost = task("build", f"{TODAY}.0", boot_id="an earlier boot")
    daemon = Daemon(unit("build", root=True), remembered=Remembered(open=(lost,), serials={"build": (TODAY, 1)}))
    async with running(daemon):
        await daemon.desk.start_roots()
        await daemon.until(f"start build@{TODAY}.1")


async def test_a_parent_that_ends_while_its_child_is_asked_for_gets_none() -> None:
    parent = task("build", f"{TODAY}.0")
    caller = Caller(uid=1000, may_manage=False, may_submit=True, task=parent.id)
    daemon = Daemon(unit(), remembered=Remembered(open=(parent,)))
    async with running(daemon):
        daemon.units.before_refresh = lambda: daemon.loop.state.apply(TaskEnded(ended(parent)))
        with pytest.raises(AccessDenied, match="build@"):
            await daemon.desk.batch_submit(caller, [request()])


async def test_a_configuration_that_cannot_be_read_is_told_to_who_reloads_and_until_it_can() -> None:
    async with running(Daemon()) as daemon:
        daemon.flaw = "/etc/taskpacker.toml: a slip in line 3"
        daemon.units.catalogue = catalogue(unit("build", root=True))
        with pytest.raises(InvalidArgs, match="a slip in line 3"):
            await daemon.desk.reload(ADMIN)
        assert daemon.signals.figures[-1].trouble == daemon.flaw
        assert daemon.signals.figures[-1].roots == ("build",)
        await daemon.desk.batch_submit(ADMIN, [])
        daemon.loop.trouble.tell(STORE, "the disk is full")
        assert daemon.signals.figures[-1].trouble == "the disk is full"
        daemon.loop.trouble.tell(STORE, "")
        daemon.flaw = ""
        await daemon.desk.reload(ADMIN)
        assert daemon.signals.figures[-1].trouble == ""


async def test_new_roots_are_shown_as_soon_as_they_are_read() -> None:
    async with running(Daemon()) as daemon:
        daemon.units.catalogue = catalogue(unit("build", root=True))
        await daemon.desk.reload(ADMIN)
        assert daemon.signals.figures[-1].roots == ("build",)
