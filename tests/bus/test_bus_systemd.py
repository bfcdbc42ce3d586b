# SPDX-License-Identifier: LGPL-2.1-or-later
"""The launcher against a recording systemd on a real bus; every race that we know has a test."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dbus_next import Message

from sd_taskpacker.bus import systemd as module
from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.properties import transient
from sd_taskpacker.bus.systemd import (
    MANAGER,
    STARTS_IN_FLIGHT,
    SYSTEMD,
    SYSTEMD_PATH,
    Systemd,
    signal_number,
    unit_path,
)
from sd_taskpacker.engine.ports import Budget, Launcher, ObservedUnit, StartRefused
from sd_taskpacker.errors import Internal, InvalidArgs, Unreachable, WrongState
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task, a_workorder
from tests.bus.private_bus import Dial, unique
from tests.bus.systemd_mock import MockUnit, SystemdMock

BATCH, WORKORDER = a_task("massif-x@1"), a_workorder("build@1")
BATCH_UNIT, WORKORDER_UNIT = BATCH.id.unit_name, WORKORDER.id.unit_name


@dataclass
class Bench:
    bus: Connection
    mock: SystemdMock
    launcher: Systemd
    output: int
    ends: list[tuple[str, str]] = field(default_factory=list)

    async def start(self, task: Task) -> None:
        await self.launcher.start(task, self.output)

    async def settle(self) -> None:
        """Returns when everything that was sent is read and nothing is being looked up."""
        await self.mock.bus.ask_bus("GetId", "")
        await self.bus.ask_bus("GetId", "")
        while self.launcher._looks:
            await asyncio.gather(*self.launcher._looks)
        await self.mock.bus.ask_bus("GetId", "")
        await self.bus.ask_bus("GetId", "")


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    with open(tmp_path / "output.txt", "wb") as file:
        yield file.fileno()


@pytest.fixture
async def bench(dial: Dial, output: int) -> Bench:
    bus, mock = await dial(), SystemdMock(await dial())
    await mock.open()
    ends: list[tuple[str, str]] = []
    launcher = Systemd(
        bus,
        ended=lambda task_id, note: ends.append((str(task_id), note)),
        machine_cpus=4,
    )
    await launcher.open()
    return Bench(bus, mock, launcher, output, ends)


def test_it_is_a_launcher(bench: Bench) -> None:
    launcher: Launcher = bench.launcher
    assert launcher


async def test_start_sends_exactly_the_properties(bench: Bench) -> None:
    await bench.start(BATCH)
    [[unit, mode, properties, others]] = bench.mock.called("StartTransientUnit")
    expected = transient(BATCH)
    assert (unit, mode, others) == (BATCH_UNIT, "fail", [])
    assert properties == [[name, (value.signature, value.data)] for name, value in expected]
    assert [member for member, _ in bench.mock.calls] == ["StartTransientUnit"]


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
    assert bench.ends == [("massif-x@1", "")]


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


async def test_refused_start_carries_systemds_text_and_leaves_nothing_behind(bench: Bench) -> None:
    bench.mock.errors["StartTransientUnit"] = (
        "org.freedesktop.DBus.Error.PropertyReadOnly",
        "Cannot set property Foo",
    )
    for task in (BATCH, WORKORDER):
        with pytest.raises(StartRefused, match="^Cannot set property Foo$"):
            await bench.start(task)
    await bench.settle()
    assert not bench.launcher._watches
    assert not bench.mock.subscribers


async def test_start_whose_fate_is_unknown_is_looked_up(bench: Bench) -> None:
    bench.mock.errors["StartTransientUnit"] = ("org.freedesktop.DBus.Error.NoReply", "went away")
    bench.mock.units[BATCH_UNIT] = MockUnit("activating", job=1)
    await bench.start(BATCH)
    await bench.settle()
    assert bench.ends == []
    bench.mock.change(BATCH_UNIT, "inactive")
    await bench.settle()
    assert bench.ends == [("massif-x@1", "")]


async def test_text_that_dbus_cannot_carry_refuses_the_start_and_keeps_the_connection(bench: Bench) -> None:
    with pytest.raises(StartRefused, match="ExecStart= holds a NUL"):
        await bench.start(a_task(argv=("/bin/echo", "a\0b")))
    with pytest.raises(StartRefused, match="does not fit"):
        await bench.start(a_task(properties=(("Nice", Value("i", 1 << 40)),)))
    await bench.start(BATCH)
    assert len(bench.mock.called("StartTransientUnit")) == 1


async def test_few_starts_are_in_flight(bench: Bench) -> None:
    bench.mock.holding.add("StartTransientUnit")
    tasks = [a_task(f"massif@{number}") for number in range(STARTS_IN_FLIGHT + 4)]
    starts = [asyncio.ensure_future(bench.start(task)) for task in tasks]
    while len(bench.mock.held) < STARTS_IN_FLIGHT:
        await bench.settle()
    await bench.settle()
    assert len(bench.mock.held) == STARTS_IN_FLIGHT
    bench.mock.let_go()
    await asyncio.gather(*starts)
    assert len(bench.mock.called("StartTransientUnit")) == len(tasks)


async def test_systemd_that_was_executed_anew_is_asked_about_everything(bench: Bench, dial: Dial) -> None:
    await bench.start(BATCH)
    await bench.mock.bus.ask_bus("ReleaseName", "s", SYSTEMD)
    successor = SystemdMock(await dial())
    successor.units[BATCH_UNIT] = MockUnit("activating", job=1)
    await successor.open()
    await bench.settle()
    assert bench.ends == []
    assert successor.called("ListUnitsByNames") == [[[BATCH_UNIT]]]
    successor.change(BATCH_UNIT, "failed")
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


async def test_release_forgets_a_failed_unit_and_minds_no_missing_one(bench: Bench) -> None:
    await bench.launcher.release(BATCH.id)
    bench.mock.errors["ResetFailedUnit"] = (SYSTEMD + ".NoSuchUnit", "not loaded")
    await bench.launcher.release(BATCH.id)
    assert bench.mock.called("ResetFailedUnit") == [[BATCH_UNIT]] * 2


async def test_release_that_systemd_does_not_answer_is_a_line_in_the_journal(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.bus.close()
    await bench.launcher.release(BATCH.id)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "massif-x@1" in caplog.text


async def test_kill_sends_the_signal_to_all_processes(bench: Bench) -> None:
    await bench.launcher.kill(BATCH.id, "KILL")
    await bench.launcher.kill(BATCH.id, "INT")
    assert bench.mock.called("KillUnit") == [[BATCH_UNIT, "all", 9], [BATCH_UNIT, "all", 2]]


async def test_kill_of_what_does_not_run_says_so(bench: Bench) -> None:
    bench.mock.errors["KillUnit"] = (SYSTEMD + ".NoSuchUnit", "not loaded")
    with pytest.raises(WrongState, match="massif-x@1 is not running"):
        await bench.launcher.kill(BATCH.id, "TERM")


def test_unknown_signal_is_refused() -> None:
    with pytest.raises(InvalidArgs, match="^'BANG' is not a signal$"):
        signal_number("BANG")
    with pytest.raises(InvalidArgs) as long:
        signal_number("B" * 1000)
    assert len(long.value.message) < 100


async def test_observe_tells_who_is_alive(bench: Bench) -> None:
    states = {"a": MockUnit("active"), "b": MockUnit("failed"), "c": MockUnit("inactive", job=3)}
    bench.mock.units = {TaskId.parse(f"{name}@1").unit_name: unit for name, unit in states.items()}
    bench.mock.units |= {"cron.service": MockUnit("active"), "taskpacker-x.service": MockUnit("active")}
    found = await bench.launcher.observe()
    assert bench.mock.called("ListUnitsByPatterns") == [[[], ["taskpacker-*.service"]]]
    assert found == [ObservedUnit(TaskId.parse(f"{name}@1"), name != "b") for name in "abc"]


@pytest.mark.parametrize(("cpus", "quota"), [(2, 2_000_000), (4, INFINITY)])
async def test_budget_is_put_on_both_slices(bench: Bench, cpus: int, quota: int) -> None:
    await bench.launcher.enforce(Budget(memory=1 << 30, cpus=cpus))
    limits: list[Any] = [["MemoryMax", ("t", 1 << 30)], ["CPUQuotaPerSecUSec", ("t", quota)]]
    slices = ["taskpacker.slice", "taskpacker-batch.slice"]
    assert bench.mock.called("SetUnitProperties") == [[name, True, limits] for name in slices]


async def test_budget_that_systemd_refuses_is_told(bench: Bench) -> None:
    bench.mock.errors["SetUnitProperties"] = ("org.freedesktop.DBus.Error.InvalidArgs", "no such limit")
    with pytest.raises(Internal, match=r"taskpacker\.slice: no such limit"):
        await bench.launcher.enforce(Budget(memory=1, cpus=1))


async def test_bus_without_systemd_is_told(dial: Dial) -> None:
    options: dict[str, Any] = {"machine_cpus": 1}
    launcher = Systemd(await dial(), ended=lambda *_: None, **options)
    with pytest.raises(Unreachable, match="systemd is not on this bus"):
        await launcher.open()


def test_unit_path_is_escaped_as_systemd_does() -> None:
    assert unit_path("3-a.service") == "/org/freedesktop/systemd1/unit/_33_2da_2eservice"
