# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.standin import BUS_NAME, Standin, finish, line, private_bus, standin, start, variants

STARTED = 1_795_258_385_000_000


class History:
    """What ListEvents answers: numbers of events, and how the client got to them."""

    def __init__(self, service: Standin, last: int) -> None:
        self.events: list[list[Any]] = []
        self.last = last
        service.answers["ListEvents"] = self._answer

    def add(self, event: str, task_id: str, **details: Any) -> None:
        self.last += 1
        self.events.append([self.last, STARTED, task_id, event, variants(details)])

    def _answer(self, after: int, limit: int) -> tuple[str, Any]:
        found = [each for each in self.events if each[0] > after]
        if not found and self.last > after:
            found = [[after + 1, 0, "", "Drained", {}]]
        return "a(ttssa{sv})", [found[:1] if limit else found]


def change(service: Standin, sequence: int, task_id: str, state: str, **details: Any) -> None:
    service.emit("TaskChanged", "tssa{sv}", [sequence, task_id, state, variants(details)])


async def watching(service: Standin, address: str, *options: str) -> Any:
    """`watch` that has told of a first change, number 41."""
    process = await start(address, "watch", *options)
    await service.seen("ListEvents", process)
    change(service, 41, "a@1", "waiting")
    return process


async def test_a_change_is_a_line_as_it_comes(service: Standin, address: str) -> None:
    History(service, 40)
    process = await watching(service, address)
    assert (await line(process.stdout)).split("  ")[1:] == ["waiting", " a@1\n"]
    change(service, 42, "a@1", "running", submitted=1, started=STARTED)
    assert await line(process.stdout) == "Sat 2026-11-21 10:53:05 UTC  running   a@1\n"
    change(service, 43, "a@1", "failed", ended=STARTED, result="exit-code", exit_status=3, memory_peak=3 << 20)
    shown = await line(process.stdout)
    assert shown == "Sat 2026-11-21 10:53:05 UTC  failed    a@1  exit-code status 3 memory=3M\n"
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert (done.status, done.out, done.err) == (130, "", "")


async def test_as_json_each_is_an_object_of_its_own(service: Standin, address: str) -> None:
    History(service, 40)
    process = await watching(service, address, "--json")
    await line(process.stdout)
    change(service, 42, "a\x1b@1", "running", started=STARTED)
    shown = json.loads(await line(process.stdout))
    details = {"started": STARTED}
    assert shown == {"sequence": 42, "time": STARTED, "id": "a\x1b@1", "state": "running", "details": details}
    process.kill()
    await finish(process)


async def test_what_came_while_the_service_was_away_is_told_once(service: Standin, address: str) -> None:
    history = History(service, 40)
    process = await watching(service, address, "--json")
    assert json.loads(await line(process.stdout))["sequence"] == 41
    await service.bus.release_name(BUS_NAME)
    assert "went away" in await line(process.stderr)
    history.last = 41
    history.add("TaskStarted", "a@1")
    history.add("TaskPromised", "b@1", promised=5)
    history.add("TaskEnded", "a@1", result="success")
    history.add("TaskEnded", "b@1", result="oom-kill", signal="KILL")
    await service.bus.request_name(BUS_NAME)
    # Told by history, and by a late signal once more.
    change(service, 45, "b@1", "failed")
    change(service, 46, "c@1", "waiting")
    told = [json.loads(await line(process.stdout)) for _ in range(4)]
    assert [(each["sequence"], each["id"], each["state"]) for each in told] == [
        (42, "a@1", "running"),
        (44, "a@1", "complete"),
        (45, "b@1", "failed"),
        (46, "c@1", "waiting"),
    ]
    process.kill()
    await finish(process)


async def test_what_was_altered_meanwhile_is_in_the_state_that_it_was_in(service: Standin, address: str) -> None:
    history = History(service, 40)
    process = await watching(service, address, "--json")
    await line(process.stdout)
    await service.bus.release_name(BUS_NAME)
    assert "went away" in await line(process.stderr)
    history.last = 41
    history.add("TaskAltered", "a@1", priority=7)
    history.add("TaskAltered", "b@1", priority=100, started=STARTED)
    history.add("TaskFound", "c@1")
    await service.bus.request_name(BUS_NAME)
    told = [json.loads(await line(process.stdout)) for _ in range(3)]
    assert [each["state"] for each in told] == ["waiting", "running", "running"]
    process.kill()
    await finish(process)


@pytest.mark.parametrize("last", [0, 1, 2, 3, 1000, 1023, 1024])
async def test_it_begins_after_the_newest_event(service: Standin, address: str, last: int) -> None:
    history = History(service, last)
    process = await start(address, "watch", "--json")
    # It asks until it knows, so its last question is about the number itself.
    await service.seen("ListEvents", process)
    change(service, last + 1, "z@1", "waiting")
    await line(process.stdout)
    await service.bus.release_name(BUS_NAME)
    await line(process.stderr)
    history.last = last + 1
    history.add("TaskStarted", "a@1")
    await service.bus.request_name(BUS_NAME)
    assert json.loads(await line(process.stdout))["sequence"] == last + 2
    process.kill()
    await finish(process)


async def test_nothing_is_missed_when_the_service_left_before_the_first_change(
    service: Standin, address: str
) -> None:
    history = History(service, 700)
    process = await start(address, "watch", "--json")
    while [700, 1] not in service.called("ListEvents") or [699, 1] not in service.called("ListEvents"):
        service.arrival.clear()
        await service.arrival.wait()
    await service.bus.release_name(BUS_NAME)
    await line(process.stderr)
    history.add("TaskStarted", "a@1")
    await service.bus.request_name(BUS_NAME)
    assert json.loads(await line(process.stdout))["sequence"] == 701
    process.kill()
    await finish(process)


async def test_it_goes_on_when_the_bus_is_back(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with private_bus(tmp_path) as address:
            service = await stack.enter_async_context(standin(address))
            History(service, 40)
            process = await watching(service, address)
            await line(process.stdout)
        async with private_bus(tmp_path) as address, standin(address) as service:
            history = History(service, 41)
            history.add("TaskStarted", "b@1")
            assert "b@1" in await line(process.stdout)
            process.kill()
            await finish(process)
