# SPDX-License-Identifier: LGPL-2.1-or-later
"""The launcher against a recording systemd on a real bus. How it notices ends: test_bus_unit_ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from sd_taskpacker.bus import systemd as module
from sd_taskpacker.bus import unit_ends
from sd_taskpacker.bus.properties import transient
from sd_taskpacker.bus.systemd import STARTS_IN_FLIGHT, Systemd, signal_number
from sd_taskpacker.bus.systemd_manager import SYSTEMD
from sd_taskpacker.engine.ports import Budget, Launcher, ObservedUnit, StartRefused
from sd_taskpacker.errors import Internal, InvalidArgs, Unreachable, WrongState
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task
from tests.bus.private_bus import Dial
from tests.bus.systemd_bench import BATCH, BATCH_UNIT, WORKORDER, Bench
from tests.bus.systemd_mock import MockUnit, SystemdMock


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


async def test_refused_start_carries_systemds_text_and_leaves_nothing_behind(bench: Bench) -> None:
    bench.mock.errors["StartTransientUnit"] = (
        "org.freedesktop.DBus.Error.PropertyReadOnly",
        "Cannot set property Foo",
    )
    for task in (BATCH, WORKORDER):
        with pytest.raises(StartRefused, match="^Cannot set property Foo$"):
            await bench.start(task)
    await bench.settle()
    assert not bench.launcher._ends._watches
    assert not bench.mock.subscribers


async def test_text_that_dbus_cannot_carry_refuses_the_start_and_keeps_the_connection(bench: Bench) -> None:
    with pytest.raises(StartRefused, match="ExecStart= holds a NUL"):
        await bench.start(a_task(argv=("/bin/echo", "a\0b")))
    with pytest.raises(StartRefused, match="does not fit"):
        await bench.start(a_task(properties=(("Nice", Value("i", 1 << 40)),)))
    await bench.start(BATCH)
    assert len(bench.mock.called("StartTransientUnit")) == 1


async def test_a_bug_while_a_unit_is_described_refuses_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("nobody thought of that")

    monkeypatch.setattr(module, "transient", broken)
    with pytest.raises(StartRefused, match="nobody thought of that"):
        await bench.start(BATCH)
    assert caplog.records[-1].exc_info
    assert not bench.mock.called("StartTransientUnit")


@pytest.mark.parametrize("told", [True, False], ids=["told", "not yet told"])
async def test_what_is_asked_while_systemd_executes_itself_anew_is_asked_when_it_is_back(
    bench: Bench, dial: Dial, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ABSENCE", 0)
    await bench.mock.bus.ask_bus("ReleaseName", "s", SYSTEMD)
    if told:
        await bench.settle()
    calls = [asyncio.ensure_future(bench.start(BATCH)), asyncio.ensure_future(bench.launcher.release(WORKORDER.id))]
    await bench.settle()
    successor = SystemdMock(await dial())
    await successor.open()
    await asyncio.gather(*calls)
    assert sorted(member for member, _ in successor.calls) == ["ResetFailedUnit", "StartTransientUnit"]


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


async def test_release_forgets_a_failed_unit_and_minds_no_missing_one(bench: Bench) -> None:
    await bench.launcher.release(BATCH.id)
    bench.mock.errors["ResetFailedUnit"] = (SYSTEMD + ".NoSuchUnit", "not loaded")
    await bench.launcher.release(BATCH.id)
    assert bench.mock.called("ResetFailedUnit") == [[BATCH_UNIT]] * 2


async def test_release_of_what_ended_well_asks_nothing(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.job_removed(BATCH_UNIT, "done")
    await bench.settle()
    await bench.launcher.release(BATCH.id)
    assert [member for member, _ in bench.mock.calls] == ["StartTransientUnit"]


async def test_release_of_what_failed_resets_its_unit(bench: Bench) -> None:
    await bench.start(BATCH)
    bench.mock.job_removed(BATCH_UNIT, "failed")
    await bench.settle()
    await bench.launcher.release(BATCH.id)
    assert bench.mock.called("ResetFailedUnit") == [[BATCH_UNIT]]


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
    assert bench.mock.called("KillUnit") == [[BATCH_UNIT, "all-fail", 9], [BATCH_UNIT, "all-fail", 2]]


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


@pytest.mark.parametrize(
    ("cpus", "time", "quota"),
    [(2, None, 2_000_000), (4, None, INFINITY), (1, 500_000, 500_000), (1, 1_500_000, 1_500_000)],
)
async def test_budget_is_put_on_both_slices(bench: Bench, cpus: int, time: int | None, quota: int) -> None:
    await bench.launcher.enforce(Budget(memory=1 << 30, cpus=cpus, cpu_usec=time))
    limits: list[Any] = [["MemoryMax", ("t", 1 << 30)], ["CPUQuotaPerSecUSec", ("t", quota)]]
    slices = ["taskpacker.slice", "taskpacker-batch.slice"]
    assert bench.mock.called("SetUnitProperties") == [[name, True, limits] for name in slices]


async def test_budget_that_systemd_refuses_is_told(bench: Bench) -> None:
    bench.mock.errors["SetUnitProperties"] = ("org.freedesktop.DBus.Error.InvalidArgs", "no such limit")
    with pytest.raises(Internal, match=r"taskpacker\.slice: no such limit"):
        await bench.launcher.enforce(Budget(memory=1, cpus=1))


async def test_bus_without_systemd_is_told(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_ends, "COMING", 0.01)
    options: dict[str, Any] = {"machine_cpus": 1}
    launcher = Systemd(await dial(), ended=lambda *_: None, **options)
    with pytest.raises(Unreachable, match="systemd is not on this bus"):
        await launcher.open()
