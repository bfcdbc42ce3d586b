# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one caller may ask for, and that others do not feel it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sd_taskpacker.engine import limits as limits_module
from sd_taskpacker.engine.admission import admit, enqueue
from sd_taskpacker.engine.limits import Rates
from sd_taskpacker.engine.ports import Remembered
from sd_taskpacker.engine.requests import Office
from sd_taskpacker.errors import LimitExceeded
from sd_taskpacker.model.config import Limits
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, NOW, PLACE, SECOND, office, parameter, request, state, task, unit, waiting
from tests.engine.daemon import Daemon, running

ANN = Caller(uid=1000, may_manage=False, may_submit=True)
BOB = dataclasses.replace(ANN, uid=1001)


def limited(at: Office, **limits: int) -> Office:
    return dataclasses.replace(at, place=dataclasses.replace(PLACE, limits=Limits(**limits)))


def _waiting_tasks(**changes: Any) -> Office:
    """Two of ann's wait, and one of bob's."""
    line = [waiting(version=str(n), uid=1000, **changes) for n in range(2)]
    return office(
        unit(parameters=(parameter(default=""),)), of=state(*line, waiting(version="x", uid=1001, **changes))
    )


def test_one_user_cannot_fill_the_queue_and_others_still_queue() -> None:
    at = limited(_waiting_tasks(), waiting_per_user=3)
    with pytest.raises(LimitExceeded, match="more than 3 tasks of uid 1000 would wait") as told:
        enqueue(at, ANN, [request(), request()], NOW)
    assert "waiting_per_user in [limits]" in told.value.hint
    for caller in (ANN, BOB):
        assert len(enqueue(at, caller, [request()], NOW).events) == 1
    assert len(enqueue(at, BOB, [request()] * 2, NOW).events) == 2


def test_all_users_together_cannot_fill_the_queue_without_end() -> None:
    with pytest.raises(LimitExceeded, match="more than 4 tasks would wait"):
        enqueue(limited(_waiting_tasks(), waiting=4), BOB, [request()] * 2, NOW)


@pytest.mark.parametrize(("name", "mebibytes"), [("waiting_mebibytes", 2), ("waiting_mebibytes_per_user", 1)])
def test_what_waits_has_a_limit_to_its_size_too(name: str, mebibytes: int) -> None:
    """Of ann there are 800,000 characters, and of bob half of that."""
    at = limited(_waiting_tasks(parameters={"target": "x" * 400_000}), **{name: mebibytes})
    large = [request(target="x" * 100_000)]
    assert enqueue(at, ANN, large, NOW).events
    with pytest.raises(LimitExceeded, match=f"would be more than {mebibytes} MiB"):
        enqueue(at, ANN, large * 9, NOW)
    assert enqueue(at, BOB, large * 5, NOW).events


def test_what_has_left_the_line_counts_no_more() -> None:
    held = state(waiting(uid=1000, parameters={"target": "x" * 500}, argv=("/bin/true",)))
    assert (held.line.weight, held.line.weight_of_user(1000), held.line.weight_of_user(7)) == (509, 509, 0)
    held.line.put(dataclasses.replace(next(iter(held.line)), priority=7))
    assert held.line.weight == 509
    held.line.remove(next(iter(held.line)).id)
    assert (held.line.weight, held.line.weight_of_user(1000)) == (0, 0)


def test_workorders_of_one_user_find_an_end() -> None:
    runs = task("order", "1", kind=Kind.WORKORDER, uid=1000)
    at = limited(office(unit("order", kind=Kind.WORKORDER), of=state(runs)), workorders_per_user=2)
    with pytest.raises(LimitExceeded, match="more than 2 workorders of uid 1000"):
        admit(at, Kind.WORKORDER, ANN, [request("order")] * 2, NOW)
    for caller in (ANN, BOB):
        assert len(admit(at, Kind.WORKORDER, caller, [request("order")], NOW).events) == 1


@pytest.mark.parametrize(
    ("requests", "limits"),
    [
        ([request()] * 3, {"tasks_per_call": 2}),
        ([request(target=["a", "b", "c"])], {"tasks_per_call": 2}),
        ([request(), request(target=["a", "b"])], {"tasks_per_call": 2}),
        ([request(args={"argv": Value("as", ["x" * 100_000] * 11)})], {"mebibytes_per_call": 1}),
    ],
)
def test_one_call_has_a_limit(requests: list[Any], limits: dict[str, int]) -> None:
    at = limited(office(unit(parameters=(parameter(default=""),))), **limits)
    with pytest.raises(LimitExceeded) as caught:
        admit(at, Kind.BATCH, ANN, requests, NOW)
    assert all(setting in caught.value.hint for setting in limits)


def test_tasks_that_ask_for_themselves_find_an_end() -> None:
    parent = task("a/b", "1")
    at = limited(office(unit(), of=state(parent)), depth=2)
    with pytest.raises(LimitExceeded, match="2 deep and no deeper"):
        admit(at, Kind.BATCH, dataclasses.replace(ANN, task=parent.id), [request()], NOW)


FEW = Limits(calls_per_second=10, calls_at_once=3)


def test_after_a_burst_calls_come_at_the_rate() -> None:
    rates = Rates()
    for _ in range(3):
        rates.take(ANN, FEW, NOW)
    for later in (0, SECOND // 10, 2 * SECOND // 10):
        if later:
            rates.take(ANN, FEW, NOW + later)
        with pytest.raises(LimitExceeded, match=r"uid 1000 submits more often than 10 times .*calls_per_second"):
            rates.take(ANN, FEW, NOW + later)
    for _ in range(3):
        rates.take(ANN, FEW, NOW + 60 * SECOND)


def test_the_rate_of_one_is_no_matter_for_others() -> None:
    rates = Rates()
    tasks = [dataclasses.replace(ANN, uid=70, task=TaskId(name, "1")) for name in ("a", "a/b", "b")]
    for _ in range(3):
        rates.take(ANN, FEW, NOW)
        rates.take(tasks[0], FEW, NOW)
    for over in (ANN, tasks[0], tasks[1]):
        with pytest.raises(LimitExceeded):
            rates.take(over, FEW, NOW)
    for other in (BOB, tasks[2], *[ADMIN] * 100):
        rates.take(other, FEW, NOW)


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    rates = Rates()
    for _ in range(3):
        rates.take(ANN, FEW, NOW)
    with pytest.raises(LimitExceeded):
        rates.take(ANN, FEW, NOW - 3600 * SECOND)


def test_not_everybody_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "REMEMBERED", 2)
    rates = Rates()
    for uid in range(1, 100):
        rates.take(dataclasses.replace(ANN, uid=uid), FEW, NOW)
    assert len(rates._full_at) == 2


async def test_a_script_of_thousands_of_calls_is_served() -> None:
    async with running(Daemon(unit(), remembered=Remembered())) as daemon:
        for _ in range(3_000):
            await daemon.desk.batch_test(ANN, [request()])
