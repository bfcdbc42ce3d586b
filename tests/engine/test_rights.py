# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is asked about what before anything is decided, and what follows from the answer."""

from __future__ import annotations

import asyncio

import pytest

from sd_taskpacker.engine.ports import Remembered, TaskFilter
from sd_taskpacker.errors import AccessDenied, NoSuchUnit, WrongState
from sd_taskpacker.model.deed import Action, Deed, Permit
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.unit import Kind, TaskUnit
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, request, task, unit, waiting
from tests.engine.daemon import Daemon, running

ANN = Caller(uid=1000, may_manage=False, may_submit=False, ruled=True)
MEMBER = Caller(uid=1000, may_manage=True, may_submit=True, ruled=True)
PARENT = task("build", "1")
TASK = Caller(uid=70, may_manage=False, may_submit=True, task=TaskId("build", "1"))
FULL = task("full", "1", chunks=32)


def _full() -> Daemon:
    """Where ann's task waits."""
    return Daemon(unit(), remembered=Remembered(open=(FULL, waiting("job", "1", uid=1000))))


async def test_one_question_for_each_unit_about_its_largest_task() -> None:
    async with running(Daemon(unit(), unit("other"), unit("build", kind=Kind.WORKORDER))) as daemon:
        asks = [request(), request(args={"size": Value("s", "medium")}), request("other"), request()]
        await daemon.desk.batch_queue(ANN, asks)
        await daemon.desk.workorder_start(ANN, [request("build")])
        assert daemon.authority.asked == [
            Deed(action=Action.SUBMIT, verb="submit", unit="job", root="job", size=8 * CHUNK_BYTES),
            Deed(action=Action.SUBMIT, verb="submit", unit="other", root="other", size=4 * CHUNK_BYTES),
            Deed(action=Action.START_WORKORDER, verb="submit", unit="build", root="build", size=4 * CHUNK_BYTES),
        ]


@pytest.mark.parametrize("permit", [Permit.NO, Permit.CHALLENGE])
async def test_what_is_not_permitted_starts_nothing_though_the_caller_is_in_the_group(permit: Permit) -> None:
    async with running(_full()) as daemon:
        daemon.authority.permit = permit
        for call in (
            daemon.desk.batch_submit(MEMBER, [request()]),
            daemon.desk.batch_queue(MEMBER, [request()]),
            daemon.desk.batch_test(MEMBER, [request()]),
            daemon.desk.cancel(MEMBER, "job@1"),
            daemon.desk.set_task_properties(MEMBER, "job@1", {"priority": Value("u", 1)}),
            daemon.desk.kill(MEMBER, "full@1", "TERM"),
            daemon.desk.decommission(MEMBER, "job"),
            daemon.desk.recommission(MEMBER, "job"),
            daemon.desk.drain(MEMBER),
            daemon.desk.resume(MEMBER),
            daemon.desk.reload(MEMBER),
        ):
            with pytest.raises(AccessDenied, match="uid 1000 may not .*the rules for org.sdtaskpacker1"):
                await call
        assert len(daemon.authority.asked) == 11
        assert not daemon.diary.about("commit-queue", "commit-start", "commit-alter", "commit-end", "kill")


async def test_root_and_tasks_are_known_without_a_question() -> None:
    async with running(Daemon(unit(), remembered=Remembered(open=(PARENT,)))) as daemon:
        daemon.authority.permit = Permit.NO
        await daemon.desk.batch_submit(ADMIN, [request()])
        await daemon.desk.batch_submit(TASK, [request()])
        assert daemon.authority.asked == []


async def test_a_unit_that_is_not_there_is_told_without_a_question() -> None:
    async with running(Daemon(unit())) as daemon:
        with pytest.raises(NoSuchUnit):
            await daemon.desk.batch_submit(ANN, [request("nosuch")])
        assert daemon.authority.asked == []


async def test_others_are_served_while_somebody_thinks_about_an_answer() -> None:
    answered = asyncio.Event()

    async def wait() -> None:
        await answered.wait()

    async with running(Daemon(unit())) as daemon:
        daemon.authority.before_answer = wait
        question = asyncio.create_task(daemon.desk.batch_submit(ANN, [request()]))
        await daemon.sees(lambda: bool(daemon.authority.asked))
        ((first,),) = [answer.started for answer in await daemon.desk.batch_submit(ADMIN, [request()])]
        assert [str(each.id) for each in await daemon.desk.list_tasks(TaskFilter())] == [first]
        answered.set()
        assert len((await question)[0].started) == 1


async def test_a_submitter_needs_no_more_for_his_own_tasks_than_to_submit_them() -> None:
    async with running(_full()) as daemon:
        await daemon.desk.set_task_properties(ANN, "job@1", {"priority": Value("u", 99)})
        await daemon.desk.cancel(ANN, "job@1")
        assert [(deed.action, deed.verb) for deed in daemon.authority.asked] == [
            (Action.SUBMIT, "change"),
            (Action.SUBMIT, "cancel"),
        ]


async def test_to_go_before_others_and_to_touch_the_tasks_of_others_takes_a_manager() -> None:
    async with running(_full()) as daemon:
        await daemon.desk.set_task_properties(ANN, "job@1", {"priority": Value("u", 101)})
        await daemon.desk.kill(ANN, "full@1", "TERM")
        assert [(deed.action, deed.unit) for deed in daemon.authority.asked] == [
            (Action.MANAGE, "job"),
            (Action.MANAGE, "full"),
        ]


async def test_nobody_is_asked_about_what_cannot_be_done_anyway() -> None:
    async with running(_full()) as daemon:
        with pytest.raises(WrongState):
            await daemon.desk.cancel(ANN, "full@1")
        assert daemon.authority.asked == []


@pytest.mark.parametrize(
    ("caller", "among", "allowed"),
    [(ANN, True, True), (ANN, False, False), (MEMBER, False, False), (TASK, False, False), (ADMIN, False, True)],
)
@pytest.mark.parametrize(
    "listed", [unit(allow_users=("bob",)), unit(allow_groups=("staff",))], ids=["AllowUsers", "AllowGroups"]
)
async def test_who_is_in_no_list_of_the_unit_may_not_submit_it_whatever_polkit_says(
    caller: Caller, among: bool, allowed: bool, listed: TaskUnit
) -> None:
    async with running(Daemon(listed, remembered=Remembered(open=(PARENT,)))) as daemon:
        daemon.authority.among = among
        if allowed:
            assert (await daemon.desk.batch_submit(caller, [request()]))[0].started
        else:
            with pytest.raises(AccessDenied, match="AllowUsers= and AllowGroups= name others"):
                await daemon.desk.batch_submit(caller, [request()])
            assert daemon.authority.asked == []


ROOTS = unit("search", user="root")
APPENDS = request("search", args={"argv": Value("as", ["-exec", "/bin/sh", ";"])})


@pytest.mark.parametrize("caller", [TASK, Caller(uid=1000, may_manage=False, may_submit=True)])
async def test_arguments_for_a_command_that_runs_as_root_are_for_who_may_manage(caller: Caller) -> None:
    async with running(Daemon(ROOTS, unit(), remembered=Remembered(open=(PARENT,)))) as daemon:
        for call in (daemon.desk.batch_submit, daemon.desk.batch_queue, daemon.desk.batch_test):
            with pytest.raises(AccessDenied, match=r"append arguments .* 'search', .*User=root.*\[Parameter\]"):
                await call(caller, [APPENDS])
        assert not daemon.diary.about("commit-start", "commit-queue")
        assert (await daemon.desk.batch_submit(caller, [request("search")]))[0].started
        assert (await daemon.desk.batch_submit(caller, [request(args=dict(APPENDS.args))]))[0].started


async def test_whoever_may_manage_appends_arguments_to_what_runs_as_root() -> None:
    async with running(Daemon(ROOTS)) as daemon:
        assert (await daemon.desk.batch_submit(ADMIN, [APPENDS]))[0].started
        assert (await daemon.desk.batch_submit(ANN, [APPENDS]))[0].started
        assert daemon.authority.asked == [
            Deed(action=action, verb="submit", unit="search", root="search", size=4 * CHUNK_BYTES)
            for action in (Action.SUBMIT, Action.MANAGE)
        ]
