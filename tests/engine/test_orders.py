# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from typing import Any

import pytest

from sd_taskpacker.engine.ports import Remembered
from sd_taskpacker.errors import AccessDenied, InvalidArgs, NoSuchTask, WrongState
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Result
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, NOW, SECOND, task, waiting
from tests.engine.daemon import Daemon, running

OWNER = Caller(uid=1000, may_manage=False, may_submit=True)
OTHER = Caller(uid=1001, may_manage=False, may_submit=True)
GUEST = Caller(uid=1000, may_manage=False, may_submit=False)
TASK = Caller(uid=1000, may_manage=False, may_submit=True, task=TaskId("full", "1"))
FULL = task("full", "1", chunks=32, expected_usec=600 * SECOND)


def _daemon(**changes: Any) -> Daemon:
    """A full machine, and one small task that waits."""
    return Daemon(remembered=Remembered(open=(FULL, waiting("job", "1", uid=1000, **changes))))


async def _set(daemon: Daemon, caller: Caller, **properties: Value) -> None:
    await daemon.desk.set_task_properties(caller, "job@1", properties)


@pytest.mark.parametrize("caller", [OWNER, ADMIN])
async def test_the_submitter_and_whoever_manages_may_cancel(caller: Caller) -> None:
    async with running(_daemon()) as daemon:
        await daemon.desk.cancel(caller, "job@1")
        await daemon.until("commit-drop job@1")
        outcome = (await daemon.desk.get_task("job@1")).outcome
        assert outcome is not None
        assert (outcome.result, outcome.message) == (
            Result.CANCELLED,
            f"uid {caller.uid} cancelled it while it waited",
        )


@pytest.mark.parametrize("caller", [OTHER, GUEST, TASK])
async def test_nobody_else_may_cancel_or_change(caller: Caller) -> None:
    async with running(_daemon()) as daemon:
        with pytest.raises(AccessDenied):
            await daemon.desk.cancel(caller, "job@1")
        with pytest.raises(AccessDenied):
            await _set(daemon, caller, priority=Value("u", 1))
        assert daemon.desk.figures().queued == 1


async def test_what_runs_or_has_ended_cannot_be_cancelled_or_changed() -> None:
    async with running(_daemon()) as daemon:
        for call in (
            daemon.desk.cancel(ADMIN, "full@1"),
            daemon.desk.set_task_properties(ADMIN, "full@1", {"priority": Value("u", 1)}),
        ):
            with pytest.raises(WrongState, match="it runs"):
                await call
        await daemon.desk.cancel(ADMIN, "job@1")
        await daemon.until("commit-drop job@1")
        with pytest.raises(WrongState, match="it has ended") as told:
            await daemon.desk.cancel(ADMIN, "job@1")
        assert "Kill" not in told.value.hint
        with pytest.raises(NoSuchTask):
            await daemon.desk.cancel(ADMIN, "job@nosuch")


async def test_what_waits_cannot_be_killed_and_the_way_out_is_told() -> None:
    async with running(_daemon()) as daemon:
        with pytest.raises(WrongState, match="Cancel"):
            await daemon.desk.kill(ADMIN, "job@1", "TERM")


async def test_a_changed_task_is_promised_anew() -> None:
    async with running(_daemon(promised_usec=NOW + SECOND, expected_usec=60 * SECOND)) as daemon:
        await _set(daemon, OWNER, priority=Value("u", 7), deadline=Value("s", "30min"), size=Value("s", "medium"))
        changed = await daemon.desk.get_task("job@1")
        assert (changed.priority, changed.chunks) == (7, 8)
        assert (changed.deadline_usec, changed.promised_usec) == (NOW + 1800 * SECOND, NOW + 1740 * SECOND)
        assert daemon.diary.about("commit-alter", "commit-promise") == ["commit-alter job@1", "commit-promise job@1"]


@pytest.mark.parametrize("none", [Value("s", ""), Value("s", " "), Value("t", 0)])
async def test_an_empty_deadline_takes_it_away_and_the_task_is_promised_anew(none: Value) -> None:
    async with running(_daemon(deadline_usec=NOW + 3600 * SECOND, promised_usec=NOW + SECOND)) as daemon:
        await _set(daemon, OWNER, deadline=none)
        changed = await daemon.desk.get_task("job@1")
        assert changed.deadline_usec is None
        assert changed.promised_usec is not None
        assert changed.promised_usec > NOW + 3600 * SECOND
        assert daemon.diary.about("commit-alter") == ["commit-alter job@1"]


async def test_to_take_away_a_deadline_that_is_not_there_changes_nothing() -> None:
    async with running(_daemon()) as daemon:
        await _set(daemon, OWNER, deadline=Value("s", ""))
        assert not daemon.diary.about("commit-alter")


async def test_who_makes_it_small_enough_sees_it_start() -> None:
    half = task("half", "1", chunks=24)
    daemon = Daemon(remembered=Remembered(open=(half, waiting("job", "1", chunks=16))))
    async with running(daemon):
        await daemon.desk.set_task_properties(ADMIN, "job@1", {"size": Value("s", "medium")})
        await daemon.until("start job@1")


async def test_only_who_manages_may_let_a_task_go_before_others() -> None:
    async with running(_daemon()) as daemon:
        with pytest.raises(AccessDenied):
            await _set(daemon, OWNER, priority=Value("u", 101))
        await _set(daemon, OWNER, priority=Value("u", 99))
        await _set(daemon, ADMIN, priority=Value("u", 300))
        assert (await daemon.desk.get_task("job@1")).priority == 300


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cpus", Value("u", 1), "unknown key 'cpus' in properties"),
        ("priority", Value("s", "high"), "properties key 'priority': must be a number"),
        ("size", Value("s", "2G"), "properties key 'size': wants 2G, there is 1G"),
        ("size", Value("s", "gross"), "properties key 'size'"),
        ("deadline", Value("t", NOW - SECOND), "properties key 'deadline': would start .* after its deadline"),
        ("deadline", Value("s", "5min"), "properties key 'deadline': would start .* after its deadline"),
    ],
)
async def test_a_bad_property_is_named_and_changes_nothing(key: str, value: Value, message: str) -> None:
    async with running(_daemon()) as daemon:
        with pytest.raises(InvalidArgs, match=message):
            await _set(daemon, ADMIN, **{"priority": Value("u", 1), key: value})
        assert (await daemon.desk.get_task("job@1")).priority == 100
        assert not daemon.diary.about("commit-alter")


async def test_what_changes_nothing_is_no_event() -> None:
    async with running(_daemon()) as daemon:
        await _set(daemon, OWNER, priority=Value("u", 100))
        await _set(daemon, OWNER)
        assert not daemon.diary.about("commit-alter")


async def test_only_who_manages_drains_and_twice_is_once() -> None:
    async with running(_daemon()) as daemon:
        for call in (daemon.desk.drain(OWNER), daemon.desk.resume(OWNER)):
            with pytest.raises(AccessDenied):
                await call
        await daemon.desk.drain(ADMIN)
        await daemon.desk.drain(ADMIN)
        await daemon.desk.resume(ADMIN)
        assert daemon.diary.about("commit-drained", "commit-resumed") == ["commit-drained", "commit-resumed"]


async def test_a_daemon_that_was_drained_starts_nothing_after_its_restart() -> None:
    daemon = Daemon(remembered=Remembered(open=(waiting("job", "1"),), drained=True))
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.loop.begin_cycles()
        assert not daemon.diary.about("commit-start")
        assert [reason.resource for reason in await daemon.desk.explain("job@1")][0] == "drained"
        await daemon.desk.resume(ADMIN)
        await daemon.until("start job@1")
