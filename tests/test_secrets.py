# SPDX-License-Identifier: LGPL-2.1-or-later
"""A parameter with Secret=yes: from the request to the task's own file, and nowhere else on the way."""

from __future__ import annotations

import dataclasses
import json
import logging
import stat
from pathlib import Path

import pytest
from dbus_next import Variant

from sd_taskpacker.bus.properties import transient
from sd_taskpacker.bus.task_objects import properties_changed
from sd_taskpacker.bus.wire import task_to_wire, variants_of
from sd_taskpacker.bus.wire_queue import change_to_wire
from sd_taskpacker.engine.events import TaskEnded, TaskQueued
from sd_taskpacker.engine.manager import PlanFormat
from sd_taskpacker.engine.ports import TaskFilter
from sd_taskpacker.host.store import SqliteStore
from sd_taskpacker.host.workdir import WorkDirectories
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Result, Task, TaskState, describe
from tests.engine.builders import ADMIN, ended, parameter, receipt, request, unit
from tests.engine.daemon import Daemon, running

HUSH = "hush-4711"
UNIT = unit(parameters=(parameter("host"), parameter("token", secret=True)), retries=1)
ANN = Caller(uid=1000, may_manage=False, may_submit=True)


async def _started(daemon: Daemon) -> Task:
    ((task_id,),) = [each.started for each in await daemon.desk.batch_submit(ADMIN, [request(host="h", token=HUSH)])]
    return await daemon.desk.get_task(task_id)


async def test_no_answer_no_signal_no_plan_and_no_line_of_the_journal_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(Daemon(UNIT)) as daemon:
        task = await _started(daemon)
        daemon.end(str(task.id), receipt("exit-code", exit_status="1"))
        await daemon.until(f"commit-close {task.id}")
        over = await daemon.desk.get_task(str(task.id))
        await daemon.desk.batch_queue(ANN, [request(host="h", token=HUSH)])
        tasks = await daemon.desk.list_tasks(TaskFilter(states=frozenset(TaskState)))
        plans = [await daemon.desk.get_plan(form) for form in PlanFormat]
        for each in (task, over, *tasks):
            shown = [describe(each), task_to_wire(each), variants_of(each.params), change_to_wire(1, each), each]
            shown += [transient(each), properties_changed(each)]
            assert HUSH not in repr(shown)
            assert describe(each)["parameters"] == {"host": "h"}
        assert task_to_wire(task)["parameters"] == Variant("a{sv}", {"host": Variant("s", "h")})
        assert not any(HUSH in plan for plan in plans)
    assert HUSH not in caplog.text
    assert HUSH not in "".join(daemon.diary)


async def test_it_is_kept_while_the_task_waits_or_runs_and_for_the_next_try_and_forgotten_with_the_last() -> None:
    async with running(Daemon(UNIT)) as daemon:
        first = await _started(daemon)
        assert first.secrets == {"token": HUSH}
        daemon.end(str(first.id), receipt("exit-code", exit_status="1"))
        await daemon.sees(lambda: len(daemon.diary.about("start")) == 2)
        assert (await daemon.desk.get_task(str(first.id))).secrets == {}
        again = next(daemon.loop.state.running())
        assert (again.retry_of, again.secrets) == (str(first.id), {"token": HUSH})
        daemon.end(str(again.id), receipt("exit-code", exit_status="1"))
        await daemon.until(f"commit-close {again.id}")
        assert (await daemon.desk.get_task(str(again.id))).secrets == {}


@pytest.fixture
async def task(tmp_path: Path) -> Task:
    async with running(Daemon(UNIT)) as daemon:
        made = await _started(daemon)
    return dataclasses.replace(made, user=None, root_directory=str(tmp_path), directory=f"{tmp_path}/@1")


def test_the_task_finds_it_in_a_file_that_is_its_own_and_its_record_has_it_not(task: Task) -> None:
    directories = WorkDirectories()
    directories.prepare(task).close()
    file = Path(task.directory) / "parameters.json"
    assert json.loads(file.read_text()) == {"host": "h", "token": HUSH}
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    directories.seal(ended(task))
    assert HUSH not in (Path(task.results) / "task.json").read_text()


def test_the_store_is_closed_to_others_keeps_it_and_overwrites_it_at_the_end(tmp_path: Path, task: Task) -> None:
    path = tmp_path / "state.sqlite"
    path.touch(0o644)
    store = SqliteStore(path)
    waits = dataclasses.replace(task, state=TaskState.WAITING, started_usec=0)
    store.commit([TaskQueued(waits)])
    files = [each for each in tmp_path.iterdir() if each.name.startswith("state.sqlite")]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert store.load().open[0].secrets == {"token": HUSH}
    assert HUSH not in repr(store.events(0, 0))
    store.commit([TaskEnded(ended(waits, Result.CANCELLED))])
    store.close()
    assert HUSH.encode() not in path.read_bytes()
    assert SqliteStore(path).tasks(TaskFilter())[0].secrets == {}
