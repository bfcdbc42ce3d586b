# SPDX-License-Identifier: LGPL-2.1-or-later
"""What everybody on the bus is told, over a real bus."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from dbus_next import Variant

from sd_taskpacker.bus.names import MANAGER as INTERFACE
from sd_taskpacker.bus.signals import FIGURES_SECONDS, STATUS_SECONDS, BusSignals, status_line
from sd_taskpacker.bus.task_objects import INTERFACE as TASK_INTERFACE
from sd_taskpacker.engine.manager import Signals
from sd_taskpacker.model.task import Result, Task
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task, an_outcome
from tests.bus.private_bus import Dial
from tests.bus.recorder import FIGURES, WAITING, Service, serve


@pytest.fixture
async def service(dial: Dial) -> Service:
    return await serve(dial)


class Timers:
    """What is to be called later, which is when the test says so."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.set.append((seconds, call))

    def run_out(self) -> list[float]:
        """All that are set by now; answers after how many seconds each would have."""
        over, self.set = self.set, []
        for _, call in over:
            call()
        return [seconds for seconds, _ in over]


def signals_of(service: Service, lines: list[str] | None = None, timers: Timers | None = None) -> Signals:
    status = (lines if lines is not None else []).append
    later = (timers or Timers()).later
    return BusSignals(service.interface, service.bus.emit, status, sent=service.bus.flushed, later=later)


@pytest.mark.parametrize(("result", "member"), [(Result.SUCCESS, "BatchComplete"), (Result.OOM_KILL, "BatchFailed")])
async def test_end_is_told_by_its_outcome_with_the_params_as_submitted(
    service: Service, result: Result, member: str
) -> None:
    messages = await service.heard(member)
    task = a_task(params=(("n", Value("t", 5)),)).ended(an_outcome(result))
    signals_of(service).batch_ended(task, (4, 3, 2, 1))
    await service.call("ListUnits")
    [message] = messages
    assert message.signature == "sa{sv}au"
    assert message.body == [str(task.id), {"n": Variant("t", 5)}, [4, 3, 2, 1]]


async def test_only_the_latest_figures_that_changed_are_told(service: Service) -> None:
    messages = await service.heard("PropertiesChanged")
    lines: list[str] = []
    timers = Timers()
    signals = signals_of(service, lines, timers)
    signals.figures_changed(FIGURES)
    signals.figures_changed(dataclasses.replace(FIGURES, running=9))
    more = dataclasses.replace(FIGURES, running=2, chunks_free=16, draining=True)
    signals.figures_changed(more)
    assert lines == [status_line(FIGURES)]
    assert timers.run_out() == [FIGURES_SECONDS, STATUS_SECONDS]
    # Who was told nothing new for a while is told the next news at once.
    assert timers.run_out() == [FIGURES_SECONDS, STATUS_SECONDS]
    assert timers.run_out() == []
    await service.call("ListUnits")
    assert len(messages) == 2
    assert len(messages[0].body[1]) == 12
    changed = {"ChunksFree": Variant("u", 16), "NRunning": Variant("u", 2), "Draining": Variant("b", True)}
    assert messages[1].body == [INTERFACE, changed, []]
    free = "16 of 32 chunks and 3 of 4 CPUs free"
    assert lines == [status_line(FIGURES), f"2 running, 1 waiting; {free}; drained, nothing further starts"]


async def test_a_change_is_told_with_its_sequence_and_what_is_known_of_the_task(service: Service) -> None:
    messages = await service.heard("TaskChanged")
    signals = signals_of(service)
    signals.task_changed(7, dataclasses.replace(WAITING, retry_of="build/x@1"))
    signals.task_changed(9, a_task().ended(an_outcome()))
    await service.call("ListUnits")
    assert [message.signature for message in messages] == ["tssa{sv}"] * 2
    waits, ended = messages
    known = {"submitted": Variant("t", 10), "promised": Variant("t", 70), "retry_of": Variant("s", "build/x@1")}
    assert waits.body == [7, "build/x@2", "waiting", known]
    assert ended.body[:3] == [9, "massif@20261121.0", "failed"]
    assert {key: variant.value for key, variant in ended.body[3].items()} == {
        "result": "exit-code",
        "exit_status": 1,
        "signal": "KILL",
        "message": "why",
        "cpu_usec": 5,
        "memory_peak": 6,
        "submitted": 10,
        "started": 11,
        "ended": 20,
    }


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (WAITING, []),
        (a_task(submitted_usec=11), []),
        (a_task(promised_usec=70), [("running", 11)]),
        (a_task(), [("running", 11)]),
        (a_task().ended(an_outcome()), [("failed", 11)]),
        (WAITING.ended(an_outcome(Result.CANCELLED)), [("failed", 0)]),
    ],
    ids=[
        "it waits",
        "it starts at once",
        "it waited and starts",
        "it waited without a promise, drained for example, and starts",
        "it ends",
        "it ends without having started",
    ],
)
async def test_the_tasks_object_tells_what_follows_its_first_state(
    service: Service, task: Task, told: list[tuple[str, int]]
) -> None:
    messages = await service.heard("PropertiesChanged", task.id.object_path)
    signals_of(service).task_changed(1, task)
    await service.call("ListUnits")
    assert [message.body for message in messages] == [
        [TASK_INTERFACE, {"State": Variant("s", state), "Started": Variant("t", started)}, []]
        for state, started in told
    ]


def test_a_trouble_is_the_first_that_the_status_line_tells() -> None:
    line = status_line(dataclasses.replace(FIGURES, trouble="store /x: the disk is full; free some space"))
    assert line.startswith("TROUBLE: store /x: the disk is full; free some space; ")
