# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long history is kept, and stores of earlier versions."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from sd_taskpacker.engine.events import (
    Drained,
    Resumed,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskFound,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.ports import Remembered, StoreConflict
from sd_taskpacker.host.store import SqliteStore
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Outcome, Result, Task
from tests.host.test_host_store import NOON, STORES, ended, task, waiting

DAY = 86_400_000_000
ALL = 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "state.sqlite")


def _run(store: SqliteStore, version: str, at: int, *, kept: bool = False) -> TaskId:
    """Four lines, or three when its directory is kept."""
    one = task(version=version, submitted_usec=at, started_usec=at)
    over = one.ended(Outcome(result=Result.SUCCESS, ended_usec=at))
    drop = [] if kept else [TaskDropped(one.id)]
    store.commit([TaskStarted(one), TaskEnded(over), TaskClosed(one.id), *drop])
    return one.id


def _begins(store: SqliteStore) -> int:
    return store.events(0, 1)[0].sequence


def test_what_is_too_old_goes_line_and_task(store: SqliteStore) -> None:
    old, new = _run(store, "1", NOON), _run(store, "2", NOON + DAY)
    assert not store.forget(before=NOON + DAY, keep=ALL, at_most=100)
    assert (store.task(old), store.task(new) is not None, _begins(store)) == (None, True, 5)
    assert store.known([old, new]) == {new}


def test_what_is_more_than_so_many_lines_goes(store: SqliteStore) -> None:
    ids = [_run(store, str(number), NOON) for number in range(5)]
    store.forget(before=0, keep=9, at_most=100)
    assert [event.sequence for event in store.events(0, 0)] == list(range(12, 21))
    assert store.known(ids) == set(ids[3:])


def test_it_goes_in_small_steps(store: SqliteStore) -> None:
    for number in range(10):
        _run(store, str(number), NOON)
    steps = 1
    while store.forget(before=NOON + DAY, keep=ALL, at_most=7):
        steps += 1
    assert steps == 6
    assert _begins(store) == 40


def test_the_last_line_stays_so_that_whoever_asks_sees_where_history_is(store: SqliteStore) -> None:
    _run(store, "1", NOON)
    for _ in range(3):
        store.forget(before=NOON + DAY, keep=1, at_most=100)
    assert [event.sequence for event in store.events(0, 0)] == [4]
    assert store.commit([Drained()]) == [5]


def test_nothing_is_forgotten_of_an_empty_history(store: SqliteStore) -> None:
    assert not store.forget(before=NOON, keep=1, at_most=100)


def test_what_is_open_and_what_has_a_directory_stays_whatever_its_age(store: SqliteStore) -> None:
    kept = _run(store, "kept", NOON, kept=True)
    runs, over, waits = task(version="runs"), task(version="over"), waiting(version="waits")
    store.commit([TaskStarted(runs), TaskStarted(over), TaskEnded(ended(over)), TaskStarted(waits), Drained()])
    before = store.load()
    store.forget(before=NOON + 9 * DAY, keep=1, at_most=100)
    assert store.load() == dataclasses.replace(before, runs=())
    assert [old.id for old in store.surplus(kept.name, keep_success=0, keep_failed=0)] == [kept]
    store.commit([TaskDropped(kept)])
    store.forget(before=NOON + 9 * DAY, keep=1, at_most=100)
    assert store.task(kept) is None


def test_names_without_tasks_are_forgotten_when_they_are_old(store: SqliteStore) -> None:
    for name in ("gone", "kept", "build", "build/job", "new"):
        day = "20261121" if name == "new" else "20260101"
        one = task(name, f"{day}.0", submitted_usec=NOON, started_usec=NOON)
        over = one.ended(Outcome(result=Result.SUCCESS, ended_usec=NOON + 5))
        drop = [] if name in ("kept", "build/job") else [TaskDropped(one.id)]
        store.commit([TaskStarted(one), TaskEnded(over), TaskClosed(one.id), *drop])
    assert store.forget_names(before="20261121", at_most=9) == []
    store.forget(before=NOON + DAY, keep=1, at_most=100)
    store.commit([Drained()])
    store.forget(before=NOON + DAY, keep=1, at_most=100)
    assert store.forget_names(before="20261121", at_most=1) == ["build"]
    assert store.forget_names(before="20261121", at_most=9) == ["gone"]
    whole = store.load()
    assert whole.serials.keys() == whole.learnt.keys() == {"kept", "build/job", "new"}


def test_times_of_a_name_that_only_had_versions_by_hand_are_forgotten_with_its_last_task(store: SqliteStore) -> None:
    one = task("job", "by-hand", submitted_usec=NOON, started_usec=NOON)
    over = one.ended(Outcome(result=Result.SUCCESS, ended_usec=NOON + 5))
    store.commit([TaskStarted(one), TaskEnded(over), TaskClosed(one.id), TaskDropped(one.id)])
    assert store.load().learnt == {"job": (5,)}
    assert store.forget_names(before="20270101", at_most=9) == []
    store.commit([Drained()])
    store.forget(before=NOON + DAY, keep=1, at_most=100)
    assert store.forget_names(before="20270101", at_most=9) == ["job"]
    assert not store.load().learnt


def test_a_line_without_a_time_is_old(store: SqliteStore) -> None:
    store.commit([Drained(), Resumed()])
    _run(store, "1", NOON)
    store.forget(before=NOON, keep=ALL, at_most=100)
    assert _begins(store) == 3


def test_a_found_task_is_open_and_its_number_is_counted(store: SqliteStore, tmp_path: Path) -> None:
    one = task(version="20261121.3")
    store.commit([TaskFound(one)])
    store.close()
    again = SqliteStore(tmp_path / "state.sqlite")
    assert again.load() == Remembered(open=(one,), serials={one.id.name: ("20261121", 4)})
    assert [event.event for event in again.events(0, 0)] == ["TaskFound"]


@pytest.mark.parametrize("event", [TaskQueued, TaskStarted, TaskFound])
def test_a_task_that_is_there_is_no_new_one_and_nothing_of_the_commit_is_kept(
    store: SqliteStore, event: type[TaskQueued | TaskStarted | TaskFound]
) -> None:
    one = task(version="20261121.3")
    store.commit([TaskStarted(one)])
    before = store.load()
    with pytest.raises(StoreConflict, match="is there already") as caught:
        store.commit([Drained(), event(one)])
    assert caught.value.task_id == one.id
    assert store.load() == before
    assert len(store.events(0, 0)) == 1


def _running(version: str) -> Task:
    return task(version=f"20261121.{version}")


def test_the_store_that_version_2_wrote_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    shutil.copy(STORES / "version-2.db", path)
    store = SqliteStore(path)
    waits = waiting(version="20261121.4", deadline_usec=NOON + 99, promised_usec=NOON + 60)
    failed, kept, gone = ended(_running("0"), Result.EXIT_CODE), ended(_running("1")), ended(_running("2"))
    assert store.load() == Remembered(
        open=(waits, failed, _running("3")),
        serials={"build/massif": ("20261121", 5)},
        decommissioned=frozenset({"old"}),
        drained=True,
        learnt={"build/massif": (8, 8)},
        runs=((8, 600_000_000),) * 3,
    )
    assert store.surplus("build/massif", keep_success=0, keep_failed=0) == [kept]
    assert [event.sequence for event in store.events(0, 0)] == list(range(1, 15))
    assert store.commit([Resumed()]) == [15]
    store.probe()
    store.forget(before=NOON + DAY, keep=ALL, at_most=100)
    assert store.known([gone.id, kept.id, failed.id, waits.id]) == {kept.id, failed.id, waits.id}
    store.close()
