# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_taskpacker.engine.events import (
    Drained,
    Event,
    Resumed,
    RootDecommissioned,
    RootRecommissioned,
    TaskAltered,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskPromised,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.ports import PastEvent, Remembered, StoreError, TaskFilter
from sd_taskpacker.host import taskjson
from sd_taskpacker.host.schema import MIGRATIONS, VERSION
from sd_taskpacker.host.store import RUNS_COMPARED, SqliteStore
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import DEFAULT_EXPECTED_USEC, Outcome, Result, Task, TaskState, Usage
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

STORES = Path(__file__).parent.parent / "data/stores"
NOON = 1_795_262_400_000_000
"""2026-11-21 12:00 UTC."""


def task(name: str = "build/massif", version: str = "20261121.0", **changes: Any) -> Task:
    made = Task(
        id=TaskId.make(name, version),
        kind=Kind.BATCH,
        unit="massif",
        description="Heap profile",
        argv=("/usr/bin/valgrind", "${x}"),
        params=(("target", Value("s", "gnome")), ("big", Value("t", (1 << 64) - 1))),
        parameters={"target": "gnome", "depth": 3, "rate": 0.5, "deep": True},
        properties=(("RuntimeMaxUSec", Value("t", 3_600_000_000)), ("Environment", Value("as", ["A=1", "B=2"]))),
        user="nobody",
        directory=f"/srv/{name}/@{version}",
        root_directory="/srv/build",
        chunks=8,
        cpus=1,
        expected_usec=600_000_000,
        priority=100,
        deadline_usec=None,
        tag="",
        keep_success=3,
        keep_failed=5,
        uid=1000,
        boot_id="b00t",
        submitted_usec=NOON,
        started_usec=NOON + 1,
    )
    return dataclasses.replace(made, **changes)


def waiting(name: str = "build/massif", version: str = "20261121.0", **changes: Any) -> Task:
    return task(name, version, **({"state": TaskState.WAITING, "started_usec": 0} | changes))


def ended(running: Task, result: Result = Result.SUCCESS) -> Task:
    usage = Usage(cpu_usec=12, memory_peak=1 << 54)
    return running.ended(Outcome(result=result, ended_usec=NOON + 9, exit_status=0, usage=usage))


def reopened(store: SqliteStore, path: Path) -> SqliteStore:
    store.close()
    return SqliteStore(path)


def events_in(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT seq, time_usec, task, event, details FROM events ORDER BY seq").fetchall()
    connection.close()
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state/store.db"


def test_a_new_store_remembers_nothing(path: Path) -> None:
    store = SqliteStore(path)
    assert store.load() == Remembered()
    assert store.set_aside is None
    store.close()


def test_a_task_lives_from_start_to_dropped(path: Path) -> None:
    store, running = SqliteStore(path), task()
    store.commit([TaskStarted(running)])
    store = reopened(store, path)
    assert store.load().open == (running,)
    over = ended(running)
    store.commit([TaskEnded(over)])
    assert store.load().open == (over,)
    assert store.surplus(over.id.name, keep_success=0, keep_failed=0) == []
    store.commit([TaskClosed(over.id)])
    assert store.load().open == ()
    assert store.surplus(over.id.name, keep_success=0, keep_failed=0) == [over]
    store.commit([TaskDropped(over.id)])
    assert store.surplus(over.id.name, keep_success=0, keep_failed=0) == []
    assert store.task(over.id) == over
    store.close()


def test_serials_advance_within_a_day_and_start_over_on_the_next(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task(version="20261121.4")), TaskStarted(task(version="20261121.2"))])
    assert store.load().serials == {"build/massif": ("20261121", 5)}
    store.commit([TaskStarted(task(version="20261122.0", started_usec=NOON + 86_400_000_000))])
    store.commit([TaskStarted(task(version="20261121.9"))])
    assert store.load().serials == {"build/massif": ("20261122", 1)}
    store.close()


@pytest.mark.parametrize("version", ["v1", "20261121", "20261121.x", "20261121.007", "20261121." + "9" * 30])
def test_versions_that_a_caller_invents_do_not_disturb_the_serials(path: Path, version: str) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task(version="20261121.0")), TaskStarted(task(version=version))])
    assert store.load().serials == {"build/massif": ("20261121", 1)}
    store.close()


def test_a_commit_is_all_or_none_and_the_store_goes_on(path: Path) -> None:
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="never started"):
        store.commit([TaskStarted(task()), RootDecommissioned("build"), TaskClosed(TaskId.make("ghost", "1"))])
    assert store.load() == Remembered()
    store.commit([TaskStarted(task())])
    with pytest.raises(StoreError, match="is there already"):
        store.commit([RootDecommissioned("build"), TaskStarted(task())])
    assert store.load().decommissioned == frozenset()
    store.close()


def test_events_keep_their_order_and_repeat_a_time_they_lack(path: Path) -> None:
    store, over = SqliteStore(path), ended(task(), Result.OOM_KILL)
    store.commit([RootDecommissioned("other"), TaskStarted(task())])
    store.commit([TaskEnded(over), TaskClosed(over.id), RootRecommissioned("other")])
    store.close()
    name = str(over.id)
    assert events_in(path) == [
        (1, None, "", "RootDecommissioned", '{"root": "other"}'),
        (2, NOON + 1, name, "TaskStarted", "{}"),
        (
            3,
            NOON + 9,
            name,
            "TaskEnded",
            '{"result": "oom-kill", "exit_status": 0, "cpu_usec": 12, "memory_peak": 18014398509481984}',
        ),
        (4, NOON + 9, name, "TaskClosed", "{}"),
        (5, NOON + 9, "", "RootRecommissioned", '{"root": "other"}'),
    ]


def test_tasks_are_filtered_and_newest_first(path: Path) -> None:
    store = SqliteStore(path)
    old, new = task(version="1"), task(version="2", started_usec=NOON + 5, submitted_usec=NOON + 5)
    order = task("order", "1", kind=Kind.WORKORDER)
    store.commit([TaskStarted(each) for each in (old, new, order)])
    store.commit([TaskEnded(ended(old))])

    def found(**wanted: Any) -> list[str]:
        return [str(each.id) for each in store.tasks(TaskFilter(**wanted))]

    assert found() == ["build/massif@2", "order@1", "build/massif@1"]
    assert found(limit=1) == ["build/massif@2"]
    assert found(states=frozenset({TaskState.COMPLETE, TaskState.FAILED})) == ["build/massif@1"]
    assert found(root="order") == ["order@1"]
    assert found(kind=Kind.WORKORDER) == ["order@1"]
    assert found(since=NOON + 2) == ["build/massif@2"]
    assert store.known([old.id, TaskId.make("ghost", "1")]) == {old.id}
    assert store.task(TaskId.make("ghost", "1")) is None
    store.close()


def test_a_newer_store_is_refused_and_left_alone(path: Path) -> None:
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="install the newer program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def damage_header(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)


def damage_pages(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


@pytest.mark.parametrize("damage", [damage_header, damage_pages, cut_off])
def test_a_damaged_store_is_set_aside_and_never_overwritten(path: Path, damage: Any) -> None:
    path.parent.mkdir()
    for number in (1, 2):
        store = SqliteStore(path)
        store.commit([TaskStarted(task())])
        store.close()
        damage(path)
        before = path.read_bytes()
        store = SqliteStore(path)
        assert store.set_aside == path.with_name(f"store.db.corrupt-{number}")
        assert store.set_aside.read_bytes() == before
        assert store.load() == Remembered()
        store.close()


def test_a_path_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="check its directory"):
        SqliteStore(tmp_path / "file/store.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        SqliteStore(tmp_path)


def test_a_full_disk_loses_nothing(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task())])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="free some space"):
        store.commit([TaskStarted(task(version=f"2.{n}")) for n in range(200)])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.commit([TaskStarted(task(version="3"))])
    assert {each.id.version for each in store.load().open} == {"20261121.0", "3"}
    store.close()


def test_a_write_that_fails_is_told_and_the_store_goes_on(path: Path) -> None:
    """A file size limit is what a full disk looks like to write(2), but for the error's number."""
    store = SqliteStore(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"store\.db"):
            store.commit([TaskStarted(task(version=str(n))) for n in range(50)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    store.commit([TaskStarted(task())])
    assert store.load().open == (task(),)
    store.close()


def test_the_store_that_version_1_wrote_still_loads(tmp_path: Path) -> None:
    shutil.copy(STORES / "version-1.db", tmp_path / "store.db")
    store = SqliteStore(tmp_path / "store.db")
    running, over = task(version="20261121.1"), ended(task(), Result.EXIT_CODE)
    assert store.load() == Remembered(
        open=(running,),
        serials={"build/massif": ("20261121", 2)},
        decommissioned=frozenset({"old"}),
        runs=((8, 600_000_000),),
    )
    assert store.surplus("build/massif", keep_success=0, keep_failed=0) == [over]
    assert [event.event for event in store.events(0, 0)][:1] == ["TaskStarted"]
    store.close()


def test_a_store_of_version_1_brings_along_what_its_runs_teach(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    for number in range(12):
        one = ended(task(version=str(number)))
        row = (str(one.id), one.id.version, 200 + number, taskjson.to_text(one))
        connection.execute(
            """
            INSERT INTO tasks (id, name, version, root, kind, state, submitted, started, ended, closed, kept, doc)
            VALUES (?, 'build/massif', ?, 'build', 'batch', 'complete', 0, 100, ?, 1, 1, ?)
            """,
            row,
        )
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    assert store.load().learnt == {"build/massif": tuple(100 + number for number in range(2, 12))}
    newest = [old.id.version for old in store.surplus("build/massif", keep_success=0, keep_failed=0)]
    assert newest == [str(number) for number in reversed(range(12))]
    store.close()


def test_a_task_waits_over_a_restart_with_what_it_was_promised(path: Path) -> None:
    store, one = SqliteStore(path), waiting()
    assert store.commit([TaskQueued(one), TaskPromised(one.id, NOON + 60)]) == [1, 2]
    store = reopened(store, path)
    assert store.load().open == (dataclasses.replace(one, promised_usec=NOON + 60),)
    assert store.load().serials == {"build/massif": ("20261121", 1)}
    changed = dataclasses.replace(one, priority=7)
    store.commit([TaskAltered(changed)])
    assert store.task(one.id) == changed
    started = dataclasses.replace(changed, state=TaskState.RUNNING, started_usec=NOON + 3, promised_usec=NOON + 60)
    assert store.commit([TaskStarted(started)]) == [4]
    assert store.load().open == (started,)
    with pytest.raises(StoreError, match="is there already"):
        store.commit([TaskStarted(started)])
    store.close()


def test_what_never_ran_ends_and_leaves_only_its_record(path: Path) -> None:
    store, one = SqliteStore(path), waiting()
    over = one.ended(Outcome(result=Result.CANCELLED, ended_usec=NOON + 9, no_directory=True))
    store.commit([TaskQueued(one), TaskEnded(over), TaskClosed(one.id), TaskDropped(one.id)])
    assert store.load().open == ()
    assert store.load().learnt == {}
    assert store.task(one.id) == over
    assert store.surplus(one.id.name, keep_success=0, keep_failed=0) == []
    store.close()


def test_draining_is_remembered_until_it_is_taken_back(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([Drained()])
    store = reopened(store, path)
    assert store.load().drained
    store.commit([Resumed()])
    store = reopened(store, path)
    assert not store.load().drained
    store.close()


def test_the_last_ten_runs_that_succeeded_are_what_is_learnt(path: Path) -> None:
    store = SqliteStore(path)
    for number in range(12):
        one = task(version=str(number), started_usec=NOON)
        result = Result.EXIT_CODE if number == 11 else Result.SUCCESS
        store.commit([TaskStarted(one), TaskEnded(one.ended(Outcome(result=result, ended_usec=NOON + 100 + number)))])
    assert reopened(store, path).load().learnt == {"build/massif": tuple(100 + number for number in range(1, 11))}


def _run(number: int, took: int, result: Result = Result.SUCCESS, **changes: Any) -> list[Event]:
    one = task(version=f"{result}.{number}", **changes)
    over = one.ended(Outcome(result=result, ended_usec=one.started_usec + took))
    return [TaskStarted(one), TaskEnded(over)]


def test_the_last_runs_are_remembered_with_what_was_expected_of_them(path: Path) -> None:
    store = SqliteStore(path)
    for number in range(RUNS_COMPARED + 5):
        store.commit(_run(number, took=number + 1, expected_usec=1000))
    assert store.load().runs == tuple((number + 6, 1000) for number in range(RUNS_COMPARED))


def test_an_expected_time_that_nobody_gave_is_the_one_that_was_learnt(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([*_run(1, took=70, expected_usec=None), *_run(2, took=30, expected_usec=None)])
    assert store.load().runs == ((70, 70), (30, 70))


def test_only_ends_of_batch_runs_that_tell_how_long_they_took_are_remembered(path: Path) -> None:
    store = SqliteStore(path)
    never = waiting(version="never")
    store.commit(
        [
            *_run(1, 10, Result.LOST),
            *_run(1, 10, Result.COULD_NOT_START),
            *_run(2, 10, Result.SUCCESS, name="order", kind=Kind.WORKORDER),
            *_run(3, 0),
            TaskQueued(never),
            TaskEnded(ended(never, Result.CANCELLED)),
            *_run(1, 10, Result.EXIT_CODE, expected_usec=None, parameters={"rate": float("inf")}),
        ]
    )
    assert store.load().runs == ((10, DEFAULT_EXPECTED_USEC),)


def test_who_missed_events_reads_them_after_a_number(path: Path) -> None:
    store, one = SqliteStore(path), waiting(retry_of="build/massif@0")
    store.commit([Drained(), TaskQueued(one), TaskPromised(one.id, NOON + 60)])
    assert store.events(1, 1) == [
        PastEvent(
            sequence=2,
            time=NOON,
            task=str(one.id),
            event="TaskQueued",
            details={"priority": 100, "chunks": 8, "cpus": 1, "retry_of": "build/massif@0"},
        )
    ]
    assert [event.sequence for event in store.events(0, 0)] == [1, 2, 3]
    assert store.events(0, 0)[0].time == 0
    assert store.events(2, 10)[0].details == {"promised": NOON + 60}
    assert store.events((1 << 64) - 1, 0) == []
    store.close()


def test_what_never_ran_is_listed_by_its_end_and_not_behind_all_that_ever_ran(path: Path) -> None:
    store = SqliteStore(path)
    old, never, new = task(version="1"), waiting(version="2"), task(version="3", started_usec=NOON + 20)
    store.commit([TaskStarted(old), TaskQueued(never), TaskEnded(ended(never, Result.CANCELLED)), TaskStarted(new)])
    assert [each.id.version for each in store.tasks(TaskFilter())] == ["3", "2", "1"]
    assert store.load().learnt == {}
    store.close()


def test_what_waits_and_runs_is_listed_without_the_rest(path: Path) -> None:
    store, runs, waits, over = SqliteStore(path), task(version="1"), waiting(version="2"), task(version="3")
    store.commit([TaskStarted(runs), TaskQueued(waits), TaskStarted(over), TaskEnded(ended(over))])
    both = frozenset({TaskState.WAITING, TaskState.RUNNING})
    assert store.tasks(TaskFilter(states=both)) == [runs, waits]
    assert store.tasks(TaskFilter(states=frozenset({TaskState.WAITING}))) == [waits]
    store.close()


def test_the_newest_version_is_the_one_that_ended_last(path: Path) -> None:
    store, patient, quick = SqliteStore(path), waiting(version="1"), waiting(version="2")
    store.commit([TaskQueued(patient), TaskQueued(quick)])
    for one in (quick, patient):
        begun = dataclasses.replace(one, state=TaskState.RUNNING, started_usec=NOON + 1)
        store.commit([TaskStarted(begun), TaskEnded(ended(begun)), TaskClosed(one.id)])
    assert [old.id.version for old in store.surplus(patient.id.name, keep_success=1, keep_failed=1)] == ["2"]
    store.close()


def test_a_task_is_stored_as_this_text() -> None:
    golden = (STORES / "task-2.json").read_text()
    over = ended(
        waiting(promised_usec=NOON + 5, runs_late=True, max_running=2, retries=3, grows=True, retry_of="a@1")
    )
    assert json.loads(taskjson.to_text(over)) == json.loads(golden)
    assert taskjson.from_text(golden) == over


def test_the_text_of_an_earlier_release_is_read() -> None:
    assert taskjson.from_text((STORES / "task-1.json").read_text()) == ended(task(), Result.EXIT_CODE)


plain = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
values = st.builds(Value, st.sampled_from(["s", "t", "a{sv}"]), plain)
pairs = st.lists(st.tuples(st.text(), values), max_size=3).map(tuple)


@given(params=pairs, properties=pairs, parameters=st.dictionaries(st.text(), plain, max_size=3), when=st.integers())
def test_any_task_comes_back_equal(
    params: tuple[tuple[str, Value], ...],
    properties: tuple[tuple[str, Value], ...],
    parameters: dict[str, Any],
    when: int,
) -> None:
    one = task(params=params, properties=properties, parameters=parameters, deadline_usec=when)
    assert taskjson.from_text(taskjson.to_text(one)) == one
    assert taskjson.from_text(taskjson.to_text(ended(one))) == ended(one)


class Expected:
    """What the events say, in the plainest way."""

    def __init__(self) -> None:
        self.open: dict[TaskId, Task] = {}
        self.kept: dict[TaskId, Task] = {}
        self.roots: set[str] = set()

    def step(self, choice: tuple[str, int]) -> list[Event]:
        kind, number = choice
        root = f"root{number % 3}"
        fresh = task(version=f"20261121.{len(self.open) + len(self.kept) + number * 1000}")
        running = [each for each in self.open.values() if each.outcome is None]
        over = [each for each in self.open.values() if each.outcome is not None]
        if kind == "start" and fresh.id not in self.open.keys() | self.kept.keys():
            self.open[fresh.id] = fresh
            return [TaskStarted(fresh)]
        if kind == "end" and running:
            self.open[running[0].id] = ended(running[0])
            return [TaskEnded(ended(running[0]))]
        if kind == "close" and over:
            self.kept[over[0].id] = self.open.pop(over[0].id)
            return [TaskClosed(over[0].id)]
        if kind == "root":
            self.roots ^= {root}
            return [RootDecommissioned(root) if root in self.roots else RootRecommissioned(root)]
        return []


choices = st.lists(st.tuples(st.sampled_from(["start", "end", "close", "root"]), st.integers(0, 9)), max_size=25)


@settings(max_examples=30)
@given(choices)
def test_what_is_loaded_is_what_the_events_say(steps: list[tuple[str, int]]) -> None:
    expected = Expected()
    with TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        store = SqliteStore(path)
        for step in steps:
            store.commit(expected.step(step))
        store = reopened(store, path)
        loaded = store.load()
        assert set(map(repr, loaded.open)) == set(map(repr, expected.open.values()))
        assert {
            each.id for each in store.surplus("build/massif", keep_success=0, keep_failed=0)
        } == expected.kept.keys()
        assert loaded.decommissioned == expected.roots
        store.close()


def test_a_listing_ends_where_its_records_become_too_large(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task(version=str(n), argv=("/bin/x", "x" * 1_000_000))) for n in range(20)])
    assert 1 < len(store.tasks(TaskFilter())) < 10
    store.close()


def test_a_time_beyond_sqlite_lists_nothing(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task())])
    assert store.tasks(TaskFilter(since=(1 << 64) - 1)) == []
    store.close()


def test_after_a_clock_that_went_back_the_task_that_just_ended_is_the_newest(path: Path) -> None:
    store = SqliteStore(path)
    for number, started in enumerate((NOON, NOON - 86_400_000_000)):
        one = task(version=str(number), started_usec=started)
        store.commit([TaskStarted(one), TaskEnded(ended(one)), TaskClosed(one.id)])
    assert [old.id.version for old in store.surplus("build/massif", keep_success=1, keep_failed=1)] == ["0"]
    store.close()
