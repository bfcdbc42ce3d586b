# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units that systemd runs and the store knows nothing of, since it was damaged or removed."""

from __future__ import annotations

import dataclasses

import pytest

from sd_taskpacker.engine.found import task_of
from sd_taskpacker.engine.ports import FoundUnit, ObservedUnit, Remembered
from sd_taskpacker.errors import WrongState
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.unit import Kind
from tests.engine.builders import ADMIN, BOOT, NOW, SECOND, TODAY, receipt, request, unit
from tests.engine.daemon import Daemon, running

ID = TaskId("build/massif", "20261121.3")
FOUND = FoundUnit(
    id=ID,
    kind=Kind.BATCH,
    description="Heap profile",
    argv=("/usr/bin/valgrind", "x"),
    user="taskpacker",
    directory="/srv/build/massif/@20261121.3",
    memory_max=100 << 20,
    started_usec=NOW - SECOND,
)


def _finding(*found: FoundUnit, alive: bool = True) -> Daemon:
    daemon = Daemon(unit("massif"), unit("build", root=True), chunks=32)
    daemon.launcher.observed = [ObservedUnit(each.id, alive=alive) for each in found]
    daemon.launcher.found = {each.id: each for each in found}
    return daemon


def test_a_task_is_made_of_what_systemd_tells() -> None:
    made = task_of(FOUND, BOOT, NOW)
    assert (made.id, made.unit, made.kind, made.user) == (ID, "massif", Kind.BATCH, "taskpacker")
    assert (made.root_directory, made.directory) == ("/srv/build", FOUND.directory)
    assert (made.chunks, made.started_usec, made.boot_id) == (4, NOW - SECOND, BOOT)


def test_what_systemd_cannot_tell_has_the_usual_values() -> None:
    made = task_of(dataclasses.replace(FOUND, memory_max=None, started_usec=0), BOOT, NOW)
    assert (made.chunks, made.started_usec) == (4, NOW)


async def test_what_runs_without_a_record_is_recorded_charged_and_watched_and_not_started_again() -> None:
    daemon = _finding(FOUND)
    async with running(daemon, resumed=False):
        await daemon.resume()
        assert daemon.diary.about("commit-found", "adopt") == [f"commit-found {ID}", f"adopt {ID}"]
        assert daemon.desk.figures().chunks_free == 28
        daemon.end(str(ID), receipt("exit-code", "exited", "7"))
        await daemon.until(f"commit-close {ID}")
        assert f"signal {ID} exit-code" in daemon.diary
        assert not daemon.diary.about("prepare", "start")


async def test_what_has_failed_without_a_record_ends_with_its_true_result() -> None:
    daemon = _finding(FOUND, alive=False)
    daemon.receipts.box[ID.unit_name] = receipt("exit-code", "exited", "7")
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.until(f"commit-close {ID}")
    assert f"signal {ID} exit-code" in daemon.diary


async def test_a_root_that_runs_without_a_record_is_not_started_a_second_time() -> None:
    root = dataclasses.replace(FOUND, id=TaskId("build", f"{TODAY}.0"), directory=f"/srv/@{TODAY}.0")
    daemon = _finding(root)
    async with running(daemon, resumed=False):
        await daemon.resume()
        await daemon.desk.start_roots()
        assert not daemon.diary.about("commit-start")


async def test_a_unit_that_only_has_a_name_like_ours_is_left_alone() -> None:
    daemon = Daemon()
    daemon.launcher.observed = [ObservedUnit(ID, alive=True)]
    async with running(daemon, resumed=False):
        await daemon.resume()
        assert daemon.diary == []


async def test_versions_go_on_behind_directories_that_nobody_remembers() -> None:
    daemon = Daemon(unit(chunks=1))
    daemon.workdirs.made["job"] = (TODAY, 6)
    async with running(daemon):
        answers = await daemon.desk.batch_submit(ADMIN, [request(), request()])
        assert [answer.started for answer in answers] == [(f"job@{TODAY}.7",), (f"job@{TODAY}.8",)]
        daemon.workdirs.made["job"] = (TODAY, 20)
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (f"job@{TODAY}.9",)


async def test_versions_go_on_behind_directories_that_are_newer_than_the_store() -> None:
    """It was replaced by a backup."""
    daemon = Daemon(unit(chunks=1), remembered=Remembered(serials={"job": (TODAY, 2)}))
    daemon.workdirs.made["job"] = (TODAY, 6)
    async with running(daemon):
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (f"job@{TODAY}.7",)


async def test_versions_go_on_behind_what_runs_and_the_store_does_not_know() -> None:
    one = dataclasses.replace(FOUND, id=TaskId("job", f"{TODAY}.3"), directory=f"/srv/@{TODAY}.3")
    daemon = Daemon(unit(chunks=1), remembered=Remembered(serials={"job": (TODAY, 2)}))
    daemon.launcher.observed = [ObservedUnit(one.id, alive=True)]
    daemon.launcher.found = {one.id: one}
    async with running(daemon, resumed=False):
        await daemon.resume()
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (f"job@{TODAY}.4",)


async def test_a_version_that_the_store_has_against_its_own_numbers_fails_one_call_and_is_no_trouble() -> None:
    daemon = Daemon(unit(chunks=1))
    daemon.store.conflicts = {TaskId("job", f"{TODAY}.0")}
    async with running(daemon):
        with pytest.raises(WrongState, match="is there already"):
            await daemon.desk.batch_submit(ADMIN, [request()])
        assert daemon.desk.figures().trouble == ""
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (f"job@{TODAY}.1",)
