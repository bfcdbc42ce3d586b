# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store's file when it is damaged, removed, read-only or copied, and when the daemon dies in between."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from sd_taskpacker.engine.events import RootDecommissioned, TaskEnded, TaskQueued, TaskStarted
from sd_taskpacker.engine.ports import Remembered, StoreDamaged, StoreError
from sd_taskpacker.host.store import SqliteStore
from tests.host.test_host_store import NOON, ended, events_in, task, waiting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def _damage(path: Path) -> None:
    """Every page but the first, as a disk does it, behind the back of whoever has the file open."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def _filled(path: Path) -> SqliteStore:
    """A store whose log is in its file."""
    SqliteStore(path).close()
    store = SqliteStore(path)
    store.commit([TaskStarted(task(version=f"1.{number}")) for number in range(200)])
    store.close()
    return SqliteStore(path)


def test_a_store_that_is_damaged_while_it_is_open_says_so_and_is_not_written_any_more(path: Path) -> None:
    store = _filled(path)
    _damage(path)
    store._connection.execute("PRAGMA shrink_memory")  # What it has read before is no news of the disk.
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="it is damaged"):
        store.commit([TaskStarted(task())])
    assert path.read_bytes() == before


def test_what_is_in_memory_goes_on_in_a_new_file_and_the_damaged_one_is_kept(path: Path) -> None:
    store = _filled(path)
    _damage(path)
    before = path.read_bytes()
    runs, waits = task(), waiting(version="20261121.7", promised_usec=NOON + 60)
    over = ended(task("other"))
    whole = Remembered(
        open=(runs, waits, over),
        serials={"build/massif": ("20261121", 8)},
        decommissioned=frozenset({"old"}),
        drained=True,
        learnt={"build/massif": (70, 80)},
    )
    assert store.renew(whole, [TaskQueued(waits)], NOON) == [202]
    assert store.set_aside == path.with_name("state.sqlite.corrupt-1")
    assert store.set_aside.read_bytes() == before
    assert store.commit([RootDecommissioned("further")]) == [203]
    store.close()
    again = SqliteStore(path)
    expected = whole.__class__(
        open=whole.open,
        serials=whole.serials,
        decommissioned=frozenset({"old", "further"}),
        drained=True,
        learnt=whole.learnt,
    )
    assert again.load() == expected
    assert [(event.sequence, event.event) for event in again.events(0, 0)] == [
        (201, "HistoryBegan"),
        (202, "TaskQueued"),
        (203, "RootDecommissioned"),
    ]
    assert again.events(0, 1)[0].details == {"set_aside": str(store.set_aside)}
    again.close()
    assert store.set_aside.read_bytes() == before


@pytest.mark.parametrize("meddle", ["removed", "replaced"])
def test_a_file_that_was_removed_while_it_is_open_is_not_written_into_nowhere(path: Path, meddle: str) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task(version="1"))])
    path.unlink()
    if meddle == "replaced":
        path.write_bytes(b"")
    with pytest.raises(StoreDamaged, match="was removed or replaced"):
        store.commit([TaskStarted(task())])
    with pytest.raises(StoreDamaged, match="was removed or replaced"):
        store.probe()
    store.renew(Remembered(open=(task(),)), [], NOON)
    store.close()
    assert SqliteStore(path).load().open == (task(),)


def test_a_new_store_that_finds_no_room_leaves_the_damaged_one_in_its_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", full)
        with pytest.raises(StoreError, match="No space left on device; free some space"):
            store.renew(Remembered(), [], NOON)
    assert path.read_bytes() == before
    assert store.commit([TaskStarted(task())]) == [1]
    store.close()


@pytest.mark.parametrize("renames", [1, 2])
def test_a_daemon_that_dies_while_it_replaces_the_file_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    """The damaged file and its log are moved, and then the new one: it dies before one of the last two."""
    store = _filled(path)
    store.commit([TaskStarted(task(version="2"))])  # There is a log.
    _damage(path)
    moved: list[Any] = []
    real = os.rename

    def dying(source: Any, target: Any) -> None:
        if len(moved) == renames:
            raise KeyboardInterrupt
        moved.append(source)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            store.renew(Remembered(open=(task(),)), [], NOON)
    again = SqliteStore(path)
    assert again.load().open == (task(),)
    kept = sorted(each.name for each in path.parent.glob("*.corrupt-*"))
    assert kept == ["state.sqlite.corrupt-1", "state.sqlite.corrupt-1-wal"]
    again.close()


def test_half_a_new_file_from_before_a_crash_is_forgotten(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task())])
    store.close()
    path.with_name("state.sqlite.new").write_bytes(b"half")
    store = SqliteStore(path)
    assert store.load().open == (task(),)
    assert not path.with_name("state.sqlite.new").exists()
    store.close()


def test_a_log_that_was_set_aside_without_its_file_is_not_overwritten(path: Path) -> None:
    lonely = path.with_name("state.sqlite.corrupt-1-wal")
    lonely.write_bytes(b"precious")
    path.write_bytes(b"this is no database at all" * 100)
    store = SqliteStore(path)
    assert store.set_aside == path.with_name("state.sqlite.corrupt-2")
    assert lonely.read_bytes() == b"precious"
    store.close()


def test_numbers_of_a_history_that_is_gone_do_not_come_back(path: Path) -> None:
    store = SqliteStore(path)
    last = store.commit([TaskStarted(task()), TaskEnded(ended(task()))])[-1]
    store.close()
    path.write_bytes(b"this is no database at all" * 100)
    store = SqliteStore(path, now=NOON)
    (began,) = store.events(last, 0)
    assert (began.event, began.sequence > last, began.time) == ("HistoryBegan", True, NOON)
    assert store.commit([TaskStarted(task())]) == [began.sequence + 1]
    store.close()


def test_while_it_is_read_only_nothing_is_taken_and_then_all_is_as_before(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task())])
    store._connection.execute("PRAGMA query_only = ON")
    for write in (store.probe, lambda: store.commit([TaskEnded(ended(task()))])):
        with pytest.raises(StoreError, match="read-only; remount its file system writable"):
            write()
    store._connection.execute("PRAGMA query_only = OFF")
    store.probe()
    assert store.load().open == (task(),)
    store.close()


def test_a_probe_changes_nothing(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([TaskStarted(task())])
    before = store.load(), events_in(path)
    store.probe()
    assert (store.load(), events_in(path)) == before
    store.close()


def test_a_backup_that_is_taken_under_load_is_a_whole_store(path: Path, tmp_path: Path) -> None:
    """What `sqlite3 state.sqlite ".backup FILE"` does, from another connection, a page at a time."""
    store = _filled(path)
    copied = threading.Event()

    def work() -> None:
        number = 0
        while not copied.is_set():
            one = task("load", version=f"{number}")
            store.commit([TaskStarted(one), TaskEnded(ended(one))])
            number += 1

    worker = threading.Thread(target=work)
    worker.start()
    source, target = sqlite3.connect(path), sqlite3.connect(tmp_path / "backup")
    try:
        for _ in range(3):
            source.backup(target, pages=-1)
    finally:
        copied.set()
        worker.join()
        source.close()
        target.close()
        store.close()
    backup = SqliteStore(tmp_path / "backup")
    assert backup.set_aside is None
    opened = {each.id for each in backup.load().open}
    told = [event for event in backup.events(0, 10_000) if event.event == "TaskEnded"]
    assert len(opened) == 200 + len(told)
    backup.close()
