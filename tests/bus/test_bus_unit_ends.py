# SPDX-License-Identifier: LGPL-2.1-or-later
"""How ends are noticed, by a launcher with a recording systemd on a real bus; every race that we know has a test."""

from __future__ import annotations

import asyncio

import pytest
from dbus_next import Message

from sd_taskpacker.bus import unit_ends as module
from sd_taskpacker.bus.systemd_manager import MANAGER, SYSTEMD, SYSTEMD_PATH
from sd_taskpacker.engine.ports import UNSURE
from sd_taskpacker.model.task import Task
from tests.bus.builders import a_task, a_workorder
from tests.bus.private_bus import Dial, unique
from tests.bus.systemd_bench import BATCH, BATCH_UNIT, WORKORDER, WORKORDER_UNIT, Bench
from tests.bus.systemd_mock import MockUnit, SystemdMock


async def test_end_of_a_batch_task_is_one_signal_and_no_call(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.job_removed(BATCH_UNIT, "done")
    bench.mock.job_removed(BATCH_UNIT, "done")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "done")]
    assert len(bench.mock.calls) == 1


async def test_failed_job_of_a_batch_task_is_its_end(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.job_removed(BATCH_UNIT, "failed")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_end_before_the_reply_of_the_start_is_not_missed(bench: Bench) -> None:
    bench.mock.before_reply["StartTransientUnit"] = [(BATCH_UNIT, "done")]
    await bench.start(BATCH)
    await bench.settle()
    assert bench.ends == [("massif-x@1", "done")]


async def test_jobs_of_other_units_are_nothing_to_us(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.job_removed("cron.service", "done")
    bench.mock.job_removed("taskpacker-other:1.service", "done")
    await bench.settle()
    assert bench.ends == []


async def test_signal_that_only_looks_like_systemds_is_ignored(bench: Bench, dial: Dial) -> None:
    await bench.start(BATCH)
    forger = await dial()
    forged = Message.new_signal(SYSTEMD_PATH, MANAGER, "JobRemoved", "uoss", [1, "/j", BATCH_UNIT, "done"])
    forged.destination = unique(bench.bus)
    forger.send(forged)
    await forger.ask_bus("GetId", "")
    await bench.settle()
    assert bench.ends == []


async def test_batch_stopped_by_hand_ends_when_it_is_over_and_not_before(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.change(BATCH_UNIT, "deactivating", job=2)
    bench.mock.job_removed(BATCH_UNIT, "canceled")
    await bench.settle()
    assert bench.ends == []
    bench.mock.change(BATCH_UNIT, "failed")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "stopped")]
    assert not bench.mock.subscribers


async def test_batch_stopped_by_hand_that_is_already_gone_ends_at_once(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.units.clear()
    bench.mock.job_removed(BATCH_UNIT, "canceled")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "stopped")]


async def test_workorder_that_still_waits_for_its_job_is_not_over(bench: Bench) -> None:
    await bench.start(WORKORDER)
    await bench.settle()
    assert bench.mock.units[WORKORDER_UNIT] == MockUnit("inactive", job=1)
    assert bench.ends == []


async def test_workorder_is_listened_to_before_it_is_started(bench: Bench) -> None:
    await bench.start(WORKORDER)
    await bench.settle()
    assert [member for member, _ in bench.mock.calls] == ["Subscribe", "StartTransientUnit", "ListUnitsByNames"]


@pytest.mark.parametrize("state", ["inactive", "failed"])
async def test_workorder_ends_once_with_its_unit(bench: Bench, state: str) -> None:
    await bench.start(WORKORDER)
    bench.mock.change(WORKORDER_UNIT, "active")
    bench.mock.job_removed(WORKORDER_UNIT, "done")
    await bench.settle()
    assert bench.ends == []
    bench.mock.change(WORKORDER_UNIT, "deactivating")
    bench.mock.change(WORKORDER_UNIT, state)
    bench.mock.unit_removed(WORKORDER_UNIT)
    await bench.settle()
    assert bench.ends == [("build@1", "")]


async def test_workorder_that_ended_before_the_reply_is_seen_by_the_look_after_it(bench: Bench) -> None:
    bench.mock.holding.add("StartTransientUnit")
    starting = asyncio.ensure_future(bench.start(WORKORDER))
    while not bench.mock.held:
        await bench.settle()
    bench.mock.change(WORKORDER_UNIT, "failed")
    await bench.settle()
    assert bench.ends == []
    del bench.mock.units[WORKORDER_UNIT]
    bench.mock.let_go()
    bench.mock.units[WORKORDER_UNIT] = MockUnit("failed")
    await starting
    await bench.settle()
    assert bench.ends == [("build@1", "")]


@pytest.mark.parametrize("task", [BATCH, WORKORDER], ids=["batch", "workorder"])
async def test_job_on_an_adopted_unit_that_runs_is_a_stop(bench: Bench, task: Task) -> None:
    unit = task.id.unit_name
    bench.mock.units[unit] = MockUnit("active")
    await bench.launcher.adopt(task)
    await bench.settle()
    bench.mock.change(unit, "inactive")
    bench.mock.job_removed(unit, "done", job=9)
    await bench.settle()
    assert [note for _, note in bench.ends] == ["stopped"]


async def test_a_stop_before_the_first_look_at_an_adopted_unit_is_told_as_stopped(bench: Bench) -> None:
    bench.mock.units[WORKORDER_UNIT] = MockUnit("active")
    await bench.launcher.observe()
    bench.mock.holding.add("Subscribe")
    await bench.launcher.adopt(WORKORDER)
    bench.mock.job_removed(WORKORDER_UNIT, "done", job=9)
    bench.mock.change(WORKORDER_UNIT, "inactive")
    for bus in (bench.mock.bus, bench.bus):
        await bus.ask_bus("GetId", "")
    bench.mock.let_go()
    await bench.settle()
    assert bench.ends == [("build@1", "stopped")]


async def test_workorder_stopped_by_hand_is_told_as_stopped(bench: Bench) -> None:
    await bench.start(WORKORDER)
    bench.mock.job_removed(WORKORDER_UNIT, "done")
    bench.mock.change(WORKORDER_UNIT, "active")
    bench.mock.change(WORKORDER_UNIT, "deactivating", job=2)
    bench.mock.change(WORKORDER_UNIT, "inactive")
    bench.mock.job_removed(WORKORDER_UNIT, "done", job=2)
    await bench.settle()
    assert bench.ends == [("build@1", "stopped")]


async def test_workorder_stopped_while_it_starts_is_told_as_stopped(bench: Bench) -> None:
    await bench.start(WORKORDER)
    bench.mock.change(WORKORDER_UNIT, "deactivating", job=2)
    bench.mock.job_removed(WORKORDER_UNIT, "canceled")
    await bench.settle()
    bench.mock.change(WORKORDER_UNIT, "inactive")
    await bench.settle()
    assert bench.ends == [("build@1", "stopped")]


async def test_start_job_that_a_successor_finds_running_is_no_stop(bench: Bench) -> None:
    bench.mock.units[BATCH_UNIT] = MockUnit("activating", job=7)
    await bench.launcher.adopt(BATCH)
    await bench.settle()
    bench.mock.change(BATCH_UNIT, "inactive")
    bench.mock.job_removed(BATCH_UNIT, "done", job=7)
    await bench.settle()
    assert bench.ends == [("massif-x@1", "done")]


async def test_start_job_of_an_adopted_batch_task_that_is_canceled_is_a_stop(bench: Bench) -> None:
    bench.mock.units[BATCH_UNIT] = MockUnit("activating", job=7)
    await bench.launcher.adopt(BATCH)
    await bench.settle()
    bench.mock.change(BATCH_UNIT, "deactivating", job=8)
    bench.mock.job_removed(BATCH_UNIT, "canceled", job=7)
    bench.mock.change(BATCH_UNIT, "inactive")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "stopped")]


async def test_start_of_a_workorder_that_runs_already_is_no_stop(bench: Bench) -> None:
    await bench.start(WORKORDER)
    bench.mock.change(WORKORDER_UNIT, "active")
    bench.mock.job_removed(WORKORDER_UNIT, "done", job=2)
    await bench.settle()
    bench.mock.change(WORKORDER_UNIT, "inactive")
    await bench.settle()
    assert bench.ends == [("build@1", "")]


async def test_unit_that_vanishes_is_over(bench: Bench) -> None:
    bench.mock.units[WORKORDER_UNIT] = MockUnit("active")
    await bench.launcher.adopt(WORKORDER)
    await bench.settle()
    bench.mock.unit_removed(WORKORDER_UNIT)
    await bench.settle()
    assert bench.ends == [("build@1", "")]


async def test_start_of_a_unit_that_is_there_adopts_it(bench: Bench) -> None:
    bench.mock.units[BATCH_UNIT] = MockUnit("activating", job=7)
    await bench.start(BATCH)
    await bench.settle()
    assert bench.ends == []
    bench.mock.change(BATCH_UNIT, "inactive")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


@pytest.mark.parametrize("unit", [MockUnit("failed"), MockUnit("inactive", 0, "not-found")])
async def test_adopted_unit_that_is_already_over_ends_at_once(bench: Bench, unit: MockUnit) -> None:
    bench.mock.units[BATCH_UNIT] = unit
    await bench.launcher.adopt(BATCH)
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_listening_ends_with_the_last_unit_that_needs_it(bench: Bench) -> None:
    other = a_workorder("build@2")
    for each in (WORKORDER, other):
        await bench.start(each)
    bench.mock.unit_removed(WORKORDER_UNIT)
    await bench.settle()
    assert bench.mock.subscribers
    bench.mock.unit_removed(other.id.unit_name)
    await bench.settle()
    assert not bench.mock.subscribers
    bench.mock.subscribers.add("somebody else")
    seen: list[Message] = []
    bench.bus.add_message_handler(seen.append)
    bench.mock.change(WORKORDER_UNIT, "failed")
    await bench.settle()
    assert not [message for message in seen if message.member == "PropertiesChanged"]


async def test_start_whose_fate_is_unknown_is_looked_up(bench: Bench) -> None:
    bench.mock.errors["StartTransientUnit"] = ("org.freedesktop.DBus.Error.NoReply", "went away")
    bench.mock.units[BATCH_UNIT] = MockUnit("activating", job=1)
    await bench.start(BATCH)
    await bench.settle()
    assert bench.ends == []
    bench.mock.change(BATCH_UNIT, "inactive")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_systemd_that_was_executed_anew_is_asked_about_everything(bench: Bench, dial: Dial) -> None:
    await bench.start(BATCH)
    await bench.mock.bus.ask_bus("ReleaseName", "s", SYSTEMD)
    successor = SystemdMock(await dial())
    successor.units[BATCH_UNIT] = MockUnit("activating", job=1)
    await successor.open()
    await bench.settle()
    assert bench.ends == []
    assert len(successor.called("ListUnitsByPatterns")) == 1
    successor.job_removed(BATCH_UNIT, "failed")
    await successor.bus.ask_bus("GetId", "")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_look_that_fails_is_repeated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_AGAIN", 0)
    bench.mock.errors["ListUnitsByNames"] = ("org.example.Busy", "later")
    await bench.launcher.adopt(BATCH)
    while not bench.mock.called("ListUnitsByNames"):
        await bench.bus.ask_bus("GetId", "")
    bench.mock.errors.clear()
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_without_signals_it_is_asked_until_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_AGAIN", 0)
    bench.mock.errors["Subscribe"] = ("org.freedesktop.DBus.Error.LimitsExceeded", "too many")
    bench.mock.units[BATCH_UNIT] = MockUnit("active")
    await bench.launcher.adopt(BATCH)
    while len(bench.mock.called("ListUnitsByNames")) < 3:
        await bench.bus.ask_bus("GetId", "")
    del bench.mock.units[BATCH_UNIT]
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_batch_tasks_that_run_are_adopted_with_two_calls_however_many_they_are(bench: Bench) -> None:
    tasks = [a_task(f"massif@{number}") for number in range(20)]
    for task in tasks:
        bench.mock.units[task.id.unit_name] = MockUnit("activating", job=7)
        await bench.launcher.adopt(task)
    await bench.settle()
    assert [member for member, _ in bench.mock.calls] == ["Subscribe", "ListUnitsByPatterns"]
    for task in tasks:
        bench.mock.job_removed(task.id.unit_name, "done", job=7)
    await bench.settle()
    assert bench.ends == [(str(task.id), "done") for task in tasks]
    assert bench.mock.subscribers == set()


async def test_what_ends_while_others_are_adopted_does_not_take_their_signals_away(bench: Bench) -> None:
    await bench.start(WORKORDER)
    bench.mock.units[BATCH_UNIT] = MockUnit("activating", job=7)
    bench.mock.holding.add("ListUnitsByPatterns")
    await bench.launcher.adopt(BATCH)
    while not bench.mock.held:
        await bench.bus.ask_bus("GetId", "")
    bench.mock.unit_removed(WORKORDER_UNIT)
    while not bench.ends:
        await bench.bus.ask_bus("GetId", "")
    bench.mock.let_go()
    await bench.settle()
    assert bench.mock.subscribers
    bench.mock.job_removed(BATCH_UNIT, "done", job=7)
    await bench.settle()
    assert bench.ends == [("build@1", ""), ("massif-x@1", "done")]
    assert not bench.mock.subscribers


async def test_the_end_of_a_workorders_start_is_not_its_end(bench: Bench) -> None:
    unit = bench.mock.units[WORKORDER_UNIT] = MockUnit("activating", job=7)
    await bench.launcher.adopt(WORKORDER)
    await bench.settle()
    unit.active, unit.job = "active", 0
    bench.mock.job_removed(WORKORDER_UNIT, "done", job=7)
    await bench.settle()
    assert bench.ends == []


async def test_what_ended_before_it_was_adopted_is_over(bench: Bench) -> None:
    bench.mock.units[WORKORDER_UNIT] = MockUnit("failed")
    for task in (BATCH, WORKORDER):
        await bench.launcher.adopt(task)
    await bench.settle()
    assert sorted(bench.ends) == [("build@1", ""), ("massif-x@1", "")]
    assert bench.mock.subscribers == set()


async def test_where_systemd_does_not_list_its_units_each_adopted_one_is_looked_at(bench: Bench) -> None:
    bench.mock.errors["ListUnitsByPatterns"] = ("org.freedesktop.DBus.Error.Failed", "no")
    await bench.launcher.adopt(BATCH)
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_unit_that_is_not_there_after_a_start_without_an_answer_may_never_have_been(bench: Bench) -> None:
    bench.mock.errors["StartTransientUnit"] = ("org.freedesktop.DBus.Error.NoReply", "went away")
    await bench.start(BATCH)
    await bench.settle()
    assert bench.ends == [("massif-x@1", UNSURE)]
