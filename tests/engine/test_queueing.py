# SPDX-License-Identifier: LGPL-2.1-or-later
"""What waits, from the call that asks for it to its end, over recording edges."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from sd_taskpacker.engine import state as state_module
from sd_taskpacker.engine.cycle import REFRESH_USEC, STORE_RETRY_USEC
from sd_taskpacker.engine.events import TaskEnded, TaskPromised, TaskQueued, TaskStarted
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.manager import Forecast, PlanFormat
from sd_taskpacker.engine.ports import Budget, Remembered, TaskFilter
from sd_taskpacker.engine.turn import Decide, Decision, Numbered
from sd_taskpacker.errors import Decommissioned, InvalidArgs, LimitExceeded, NoSuchTask
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.task import TaskState
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value
from sd_taskpacker.plan.planner import starts
from sd_taskpacker.plan.snapshot import Plan, Snapshot
from tests.engine.builders import ADMIN, BOOT, NOW, SECOND, TODAY, receipt, request, state, task, unit, waiting
from tests.engine.daemon import Daemon, running
from tests.engine.fakes import Diary, FakeStore

FIRST, SECOND_ID, THIRD = (f"job@{TODAY}.{n}" for n in range(3))


async def _queue(daemon: Daemon, *names: str) -> list[str]:
    answers = await daemon.desk.batch_queue(ADMIN, [request(name) for name in names])
    assert all(answer.rejected == () for answer in answers)
    return [task_id for answer in answers for task_id in answer.started]


async def _state(daemon: Daemon, task_id: str) -> TaskState:
    return (await daemon.desk.get_task(task_id)).state


def _always(decision: Decision) -> Decide:
    return lambda now: decision


async def test_what_fits_runs_and_the_rest_waits_until_something_ends() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        assert await _queue(daemon, "job", "job") == [FIRST, SECOND_ID]
        assert [await _state(daemon, each) for each in (FIRST, SECOND_ID)] == [TaskState.RUNNING, TaskState.WAITING]
        await daemon.until(f"start {FIRST}")
        assert f"start {SECOND_ID}" not in daemon.diary
        daemon.end(FIRST)
        await daemon.until(f"start {SECOND_ID}")


async def test_an_end_and_the_start_that_it_makes_room_for_are_one_commit() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job", "job")
        await daemon.until(f"start {FIRST}")
        daemon.end(FIRST)
        await daemon.until(f"start {SECOND_ID}")
        (both,) = [commit for commit in daemon.store.commits if {"TaskEnded"} & {type(e).__name__ for e in commit}]
        assert [type(event).__name__ for event in both] == ["TaskEnded", "TaskStarted"]


async def test_calls_that_come_together_are_planned_and_remembered_together() -> None:
    async with running(Daemon()) as daemon:
        queued = [Decision([TaskQueued(waiting(version=str(n), chunks=32))]) for n in range(5)]
        await asyncio.gather(*(daemon.loop.ask(_always(decision)) for decision in queued))
        (commit,) = daemon.store.commits
        assert [type(event).__name__ for event in commit[5:]] == ["TaskStarted", *["TaskPromised"] * 4]


async def test_the_answer_comes_after_the_commit_and_a_refused_commit_queues_nothing() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        daemon.store.fails = 1
        with pytest.raises(LimitExceeded, match="disk full"):
            await daemon.desk.batch_queue(ADMIN, [request()])
        assert daemon.desk.open_tasks() == []
        assert await _queue(daemon, "job") == [FIRST]


async def test_what_can_never_fit_is_rejected_and_burns_no_version() -> None:
    async with running(Daemon(unit("huge", chunks=33), unit())) as daemon:
        answers = await daemon.desk.batch_queue(ADMIN, [request("huge"), request()])
        assert [(answer.started, answer.rejected) for answer in answers] == [((), ("huge",)), ((FIRST,), ())]


async def test_a_deadline_that_cannot_be_met_is_rejected_unless_it_may_run_late() -> None:
    hurried: dict[str, Any] = {"chunks": 32, "expected_usec": 600 * SECOND, "deadline_usec": 700 * SECOND}
    daemon = Daemon(unit(**hurried), unit("late", runs_late=True, **hurried))
    async with running(daemon):
        answers = await daemon.desk.batch_queue(ADMIN, [request(), request(), request("late")])
        assert [len(answer.started) for answer in answers] == [1, 0, 1]


async def test_who_waits_knows_its_promise_when_the_answer_comes() -> None:
    async with running(Daemon(unit(chunks=32, expected_usec=60 * SECOND))) as daemon:
        await _queue(daemon, "job", "job")
        ((promise,),) = [[e for e in commit if isinstance(e, TaskPromised)] for commit in daemon.store.commits]
        assert promise.start >= NOW + 60 * SECOND
        assert (await daemon.desk.get_task(SECOND_ID)).promised_usec == promise.start
        assert (await daemon.desk.get_task(FIRST)).promised_usec is None


def _half_full(**big: Any) -> Daemon:
    """Half of the machine is taken for a minute, and something big was promised the whole of it then."""
    half = task("half", chunks=16, expected_usec=60 * SECOND)
    plain = {"chunks": 32, "expected_usec": 60 * SECOND, "promised_usec": NOW + 60 * SECOND}
    return Daemon(
        unit("filler", chunks=8, expected_usec=30 * SECOND),
        unit("long", chunks=8, expected_usec=99 * SECOND),
        remembered=Remembered(open=(half, waiting("big", "1", **(plain | big)))),
    )


async def test_what_is_submitted_starts_where_it_breaks_no_promise_and_else_not_at_all() -> None:
    async with running(_half_full()) as daemon:
        assert (await daemon.desk.batch_submit(ADMIN, [request("long")]))[0].rejected == ("long",)
        assert (await daemon.desk.batch_submit(ADMIN, [request("filler")]))[0].started
        assert (await daemon.desk.get_task("big@1")).promised_usec == NOW + 60 * SECOND


async def test_what_is_submitted_is_held_to_the_promises_of_its_own_priority_and_of_higher_ones() -> None:
    async with running(_half_full(priority=200)) as daemon:
        assert (await daemon.desk.batch_submit(ADMIN, [request("long")]))[0].rejected
    async with running(_half_full()) as daemon:
        urgent = request("long", {"priority": Value("u", 200)})
        assert (await daemon.desk.batch_submit(ADMIN, [urgent]))[0].started


async def test_what_is_submitted_is_no_way_past_those_who_wait() -> None:
    """Both would fit now, but not beside each other: the one that ranks before the other."""
    async with running(Daemon(unit(chunks=20))) as daemon:
        daemon.loop.state.apply(TaskQueued(waiting("quick", chunks=20, expected_usec=SECOND)))
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].rejected == ("job",)


async def test_what_is_larger_than_what_is_free_is_rejected_without_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(_half_full()) as daemon:
        monkeypatch.setattr(state_module, "starts", lambda snapshot: 1 / 0)
        large = request("long", {"size": Value("s", "large")})
        assert (await daemon.desk.batch_submit(ADMIN, [large]))[0].rejected == ("long",)


async def test_each_change_of_state_is_told_once_after_its_commit() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job", "job")
        await daemon.until(f"start {FIRST}")
        daemon.end(FIRST)
        await daemon.until(f"start {SECOND_ID}")
        daemon.end(SECOND_ID, receipt("exit-code", "exited", "1"))
        await daemon.until(f"commit-close {SECOND_ID}")
        assert [entry for entry in daemon.diary.about("changed", "commit-end") if SECOND_ID in entry] == [
            f"changed {SECOND_ID} waiting",
            f"changed {SECOND_ID} running",
            f"commit-end {SECOND_ID}",
            f"changed {SECOND_ID} failed",
        ]
        sequences = [sequence for sequence, _ in daemon.signals.changes]
        assert sequences == sorted(set(sequences))


async def test_who_is_told_that_a_task_waits_is_told_its_promise() -> None:
    async with running(Daemon(unit(chunks=32, expected_usec=60 * SECOND))) as daemon:
        await _queue(daemon, "job", "job")
        await daemon.until(f"changed {SECOND_ID} waiting")
        (waits,) = [one for _, one in daemon.signals.changes if str(one.id) == SECOND_ID]
        assert waits.promised_usec == (await daemon.desk.get_task(SECOND_ID)).promised_usec
        assert waits.promised_usec is not None


async def test_a_planner_that_fails_loses_nothing_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(Daemon(unit())) as daemon:
        with monkeypatch.context() as broken:
            broken.setattr(state_module, "starts", lambda snapshot: 1 / 0)
            await _queue(daemon, "job")
            assert await _state(daemon, FIRST) is TaskState.WAITING
        daemon.now += REFRESH_USEC
        await daemon.loop.ask(lambda now: Decision())
        await daemon.until(f"start {FIRST}")


@pytest.fixture
def may_plan(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The planner waits until it is set."""
    may_go_on = threading.Event()

    def slow(snapshot: Snapshot) -> Plan:
        may_go_on.wait(10)
        return starts(snapshot)

    monkeypatch.setattr(state_module, "starts", slow)
    return may_go_on


async def test_who_only_looks_does_not_wait_for_the_planner(may_plan: threading.Event) -> None:
    async with running(Daemon(unit())) as daemon:
        queued = asyncio.create_task(_queue(daemon, "job"))
        await daemon.sees(lambda: daemon.desk.figures().queued == 1)
        may_plan.set()
        assert await queued == [FIRST]
        assert daemon.desk.figures().running == 1


async def test_a_new_budget_waits_until_what_is_being_decided_is_decided(may_plan: threading.Event) -> None:
    async with running(Daemon(unit(chunks=8), chunks=8)) as daemon:
        queued = asyncio.create_task(_queue(daemon, "job", "job"))
        await daemon.sees(lambda: daemon.desk.figures().queued == 2)
        daemon.machine.now = Budget(memory=16 * CHUNK_BYTES, cpus=4)
        refreshed = asyncio.create_task(daemon.desk.refresh_budget())
        await daemon.until(f"enforce {16 * CHUNK_BYTES}")
        assert daemon.desk.figures().chunks_total == 8
        may_plan.set()
        await asyncio.gather(queued, refreshed)
        assert (daemon.desk.figures().chunks_total, daemon.desk.figures().running) == (16, 2)
        first, *_ = daemon.store.commits
        assert [type(event).__name__ for event in first] == ["TaskQueued"] * 2 + ["TaskStarted", "TaskPromised"]


async def test_drained_everything_waits_and_what_must_start_now_is_refused() -> None:
    async with running(Daemon(unit(), unit("order", kind=Kind.WORKORDER))) as daemon:
        await daemon.desk.drain(ADMIN)
        assert daemon.desk.figures().draining
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].rejected == ("job",)
        with pytest.raises(LimitExceeded, match="drained"):
            await daemon.desk.workorder_start(ADMIN, [request("order")])
        await _queue(daemon, "job")
        assert await _state(daemon, FIRST) is TaskState.WAITING
        await daemon.desk.resume(ADMIN)
        await daemon.until(f"start {FIRST}")


async def test_decommission_ends_what_waits_of_the_root_and_of_its_children() -> None:
    child, other = waiting("build/job", "1", chunks=32), waiting("other", "1", chunks=32)
    daemon = Daemon(unit("build"), remembered=Remembered(open=(task("full", chunks=32), child, other)))
    async with running(daemon):
        await daemon.desk.decommission(ADMIN, "build")
        await daemon.until(f"commit-drop {child.id}")
        assert f"signal {child.id} decommissioned" in daemon.diary
        assert await _state(daemon, str(other.id)) is TaskState.WAITING
        with pytest.raises(Decommissioned):
            await daemon.desk.batch_queue(ADMIN, [request("build")])


async def test_what_never_ran_is_told_as_failed_and_touches_neither_systemd_nor_the_disk() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job", "job")
        await daemon.until(f"start {FIRST}")
        await daemon.desk.cancel(ADMIN, SECOND_ID)
        await daemon.until(f"commit-drop {SECOND_ID}")
        assert [entry for entry in daemon.diary if SECOND_ID in entry] == [
            f"commit-queue {SECOND_ID}",
            f"commit-promise {SECOND_ID}",
            f"changed {SECOND_ID} waiting",
            f"commit-end {SECOND_ID}",
            f"changed {SECOND_ID} failed",
            f"signal {SECOND_ID} cancelled",
            f"commit-close {SECOND_ID}",
            f"commit-drop {SECOND_ID}",
        ]


async def test_a_failed_run_is_queued_again_and_each_try_has_its_own_end() -> None:
    async with running(Daemon(unit(retries=1))) as daemon:
        await _queue(daemon, "job")
        for each in (FIRST, SECOND_ID):
            await daemon.until(f"start {each}")
            daemon.end(each, receipt("exit-code", "exited", "1"))
            await daemon.until(f"commit-close {each}")
        assert daemon.diary.about("signal") == [f"signal {FIRST} exit-code", f"signal {SECOND_ID} exit-code"]
        assert (await daemon.desk.get_task(SECOND_ID)).retry_of == FIRST
        assert not daemon.loop.state.line.find(THIRD)


async def test_the_next_try_is_the_event_after_the_end_by_which_clients_find_it() -> None:
    async with running(Daemon(unit(retries=1))) as daemon:
        await _queue(daemon, "job")
        await daemon.until(f"start {FIRST}")
        daemon.end(FIRST, receipt("exit-code", "exited", "1"))
        await daemon.until(f"changed {SECOND_ID} waiting")
        numbers = {(str(task.id), str(task.state)): sequence for sequence, task in daemon.signals.changes}
        assert numbers[SECOND_ID, "waiting"] == numbers[FIRST, "failed"] + 1


async def test_what_a_person_kills_is_not_tried_again() -> None:
    async with running(Daemon(unit(retries=5, grows=True))) as daemon:
        await _queue(daemon, "job")
        await daemon.until(f"start {FIRST}")
        await daemon.desk.kill(ADMIN, FIRST, "TERM")
        assert daemon.diary.about("commit-alter", "kill") == [f"commit-alter {FIRST}", f"kill {FIRST} TERM"]
        daemon.end(FIRST, receipt("signal", "killed", "TERM"))
        await daemon.until(f"commit-close {FIRST}")
        assert not daemon.diary.about("commit-queue")[1:]


async def test_a_signal_that_ends_nothing_leaves_the_tries() -> None:
    async with running(Daemon(unit(retries=1))) as daemon:
        await _queue(daemon, "job")
        await daemon.desk.kill(ADMIN, FIRST, "USR1")
        assert daemon.desk.open_tasks()[0].retries == 1


async def test_a_store_that_refuses_does_not_keep_a_person_from_killing() -> None:
    async with running(Daemon(unit(retries=1))) as daemon:
        await _queue(daemon, "job")
        daemon.store.fails = 1
        await daemon.desk.kill(ADMIN, FIRST, "KILL")
        assert f"kill {FIRST} KILL" in daemon.diary


async def test_no_more_run_at_once_than_the_unit_allows_and_a_submit_beyond_is_rejected() -> None:
    async with running(Daemon(unit(chunks=1, max_running=1), unit("other", chunks=1))) as daemon:
        await _queue(daemon, "job", "job", "other")
        assert await _state(daemon, SECOND_ID) is TaskState.WAITING
        assert await _state(daemon, f"other@{TODAY}.0") is TaskState.RUNNING
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].rejected == ("job",)
        await daemon.until(f"start {FIRST}")
        daemon.end(FIRST)
        await daemon.until(f"start {SECOND_ID}")


async def test_more_room_starts_what_waits() -> None:
    async with running(Daemon(unit(chunks=8), chunks=8)) as daemon:
        await _queue(daemon, "job", "job")
        daemon.machine.now = Budget(memory=16 * CHUNK_BYTES, cpus=4)
        await daemon.desk.refresh_budget()
        await daemon.until(f"start {SECOND_ID}")


async def test_who_can_no_longer_run_in_a_smaller_budget_is_kept_and_named_in_the_journal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(Daemon(unit(chunks=8), chunks=8)) as daemon:
        await _queue(daemon, "job", "job")
        daemon.machine.now = Budget(memory=4 * CHUNK_BYTES, cpus=4)
        await daemon.desk.refresh_budget()
        assert await _state(daemon, SECOND_ID) is TaskState.WAITING
        (warning,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        assert "1 waiting tasks want more than the whole budget" in warning
        assert SECOND_ID in warning


async def test_the_default_list_has_what_runs_and_what_waits() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job", "job")
        assert {str(one.id) for one in await daemon.desk.list_tasks(TaskFilter())} == {FIRST, SECOND_ID}
        assert {str(one.id) for one in daemon.desk.open_tasks()} == {FIRST, SECOND_ID}
        assert [event.sequence for event in await daemon.desk.list_events(1, 1)] == [2]


async def test_a_trial_tells_what_would_happen_and_does_nothing() -> None:
    async with running(Daemon(unit(chunks=20))) as daemon:
        trials = await daemon.desk.batch_test(ADMIN, [request(), request()])
        assert [trial.forecast for trial in trials] == [Forecast.NOW, Forecast.LATER]
        assert daemon.diary == []


async def test_who_waits_is_told_why_and_who_is_unknown_is_an_error() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job", "job")
        assert [reason.resource for reason in await daemon.desk.explain(SECOND_ID)] == ["memory", "start"]
        assert [reason.resource for reason in await daemon.desk.explain(FIRST)] == ["state"]
        with pytest.raises(NoSuchTask):
            await daemon.desk.explain("job@nosuch")


async def test_drained_nobody_is_told_an_expected_start() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await daemon.desk.drain(ADMIN)
        await _queue(daemon, "job")
        assert [reason.resource for reason in await daemon.desk.explain(FIRST)][0] == "drained"
        assert not any("expected" in reason.text for reason in await daemon.desk.explain(FIRST))


async def test_the_plan_shows_what_was_acknowledged_and_a_budget_that_has_changed() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        seen = []
        for name in ("job", "job"):
            await _queue(daemon, name)
            shown = json.loads(await daemon.desk.get_plan(PlanFormat.JSON))
            seen.append([(one["id"], one["state"]) for one in shown["tasks"]])
        assert seen == [[(FIRST, "running")], [(FIRST, "running"), (SECOND_ID, "waiting")]]
        daemon.machine.now = Budget(memory=64 * CHUNK_BYTES, cpus=4)
        await daemon.desk.refresh_budget()
        assert json.loads(await daemon.desk.get_plan(PlanFormat.JSON))["budget"] == {"chunks": 64, "cpus": 4}


async def test_every_form_of_the_plan_can_be_had() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job", "job")
        for form in PlanFormat:
            assert SECOND_ID in await daemon.desk.get_plan(form)


async def test_a_root_that_waits_to_be_tried_again_is_not_started_beside_it() -> None:
    again = waiting("build", f"{TODAY}.1", chunks=32, retry_of=f"build@{TODAY}.0")
    remembered = Remembered(open=(task("half", chunks=16), again), serials={"build": (TODAY, 2)})
    async with running(Daemon(unit("build", root=True, chunks=1), remembered=remembered)) as daemon:
        await daemon.desk.start_roots()
        assert not daemon.diary.about("commit-start")


async def test_a_start_that_the_store_refuses_is_tried_again() -> None:
    daemon = Daemon(remembered=Remembered(open=(waiting(),)))
    daemon.store.fails = 1
    async with running(daemon):
        assert not daemon.diary
        daemon.now += STORE_RETRY_USEC
        await daemon.loop.ask(lambda now: Decision())
        assert f"commit-start {waiting().id}" in daemon.diary


async def test_a_malformed_request_queues_nothing() -> None:
    async with running(Daemon(unit())) as daemon:
        with pytest.raises(InvalidArgs, match="request 2"):
            await daemon.desk.batch_queue(ADMIN, [request(), request(args={"nonsense": Value("s", "x")})])
        assert daemon.desk.open_tasks() == []


async def test_what_waits_survives_a_reboot_and_starts_only_after_what_ran_is_known() -> None:
    lost, waits = task("full", chunks=32, boot_id="an earlier boot"), waiting(boot_id="an earlier boot", chunks=32)
    daemon = Daemon(remembered=Remembered(open=(lost, waits)))
    async with running(daemon, resumed=False):
        await daemon.loop.ask(lambda now: Decision())
        assert not daemon.diary.about("commit-start")
        await daemon.resume()
        assert not daemon.diary.about("commit-start")
        await daemon.loop.begin_cycles()
        await daemon.until(f"start {waits.id}")
        assert daemon.diary.index(f"commit-end {lost.id}") < daemon.diary.index(f"commit-start {waits.id}")
        assert (await daemon.desk.get_task(str(waits.id))).boot_id == BOOT
        assert waits.id.unit_name not in daemon.witness.asked


async def test_a_cancellation_that_was_committed_is_told_by_the_next_daemon() -> None:
    daemon = Daemon(unit(chunks=32))
    async with running(daemon):
        await _queue(daemon, "job", "job")
        await daemon.desk.cancel(ADMIN, SECOND_ID)
    over = daemon.store.history[daemon.desk.open_tasks()[-1].id]
    later = Daemon(remembered=Remembered(open=(over,)))
    async with running(later, resumed=False):
        await later.resume()
        await later.until(f"commit-drop {over.id}")
    assert f"signal {over.id} cancelled" in later.diary
    assert not later.diary.about("release", "discard", "collect")


async def test_the_loop_wakes_by_itself_for_what_waits() -> None:
    """The clock leaps whenever it is read, so that every time to wake has come already."""
    late, over = waiting(deadline_usec=NOW + 150 * SECOND), asyncio.Event()
    ticks = itertools.count(NOW, 100 * SECOND)
    loop = Loop(state(task("full", chunks=32)), FakeStore(Diary()), lambda: next(ticks), boot_id=BOOT)

    def act(events: Sequence[Numbered]) -> None:
        if any(isinstance(event, TaskEnded) for _, event in events):
            over.set()

    turns = asyncio.create_task(loop.run(act))
    try:
        await loop.begin_cycles()
        await loop.ask(lambda now: Decision([TaskQueued(late)]))
        async with asyncio.timeout(10):
            await over.wait()
    finally:
        turns.cancel()


async def test_a_start_after_waiting_is_launched_like_any_other() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        await _queue(daemon, "job")
        await daemon.until(f"start {FIRST}")
        started = [event for commit in daemon.store.commits for event in commit if isinstance(event, TaskStarted)]
        assert [(str(event.task.id), event.task.started_usec) for event in started] == [(FIRST, NOW)]
        assert daemon.diary.about("commit-start", "prepare", "start")[-3:] == [
            f"commit-start {FIRST}",
            f"prepare {FIRST}",
            f"start {FIRST}",
        ]
