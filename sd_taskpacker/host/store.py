# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is remembered: an SQLite file in WAL mode, written with one transaction per `commit`.

Each event changes the tables that answer questions and is also appended to `events`, which keeps the history in
its order. synchronous=FULL: a commit that has returned survives a power cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sd_taskpacker.engine.events import (
    Event,
    RootDecommissioned,
    RootRecommissioned,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskStarted,
)
from sd_taskpacker.engine.ports import Remembered, StoreError, TaskFilter
from sd_taskpacker.host.storefile import open_file, told
from sd_taskpacker.host.taskjson import from_text, to_text
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.serials import after, parse
from sd_taskpacker.model.task import Task, TaskState

DEFAULT_LIMIT: Final = 1_000
"""Tasks that one `tasks` call answers when the filter names no limit."""
MAX_LIMIT: Final = 10_000
MAX_LIST_BYTES: Final = 8 << 20
"""A task may carry megabytes of parameters; a listing ends where its records have become this much, so that nobody
can make the daemon hold them all at once."""
SURPLUS_AT_ONCE: Final = 20
_INT64_MAX: Final = (1 << 63) - 1

_INSERT_TASK = """
    INSERT INTO tasks (id, name, version, root, kind, state, result, submitted, started, ended, doc)
    VALUES (:id, :name, :version, :root, :kind, :state, :result, :submitted, :started, :ended, :doc)
"""
_UPDATE_TASK = "UPDATE tasks SET state = :state, result = :result, ended = :ended, doc = :doc WHERE id = :id"
_CLOSE_TASK = "UPDATE tasks SET closed = 1, kept = 1 WHERE id = :id"
_DROP_TASK = "UPDATE tasks SET kept = 0 WHERE id = :id"
_ADVANCE_SERIAL = """
    INSERT INTO serials (name, day, next) VALUES (:name, :day, :next)
    ON CONFLICT (name) DO UPDATE SET
        next = CASE WHEN excluded.day > day THEN excluded.next ELSE max(next, excluded.next) END,
        day = excluded.day
    WHERE excluded.day >= day
"""
_APPEND_EVENT = """
    INSERT INTO events (time_usec, task, event, details)
    VALUES (coalesce(:time, (SELECT time_usec FROM events ORDER BY seq DESC LIMIT 1)), :task, :event, :details)
"""
_SELECT_TASKS = """
    SELECT id, doc FROM tasks
    WHERE (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
      AND (:root IS NULL OR root = :root) AND (:kind IS NULL OR kind = :kind) AND submitted >= :since
    ORDER BY started DESC, rowid DESC LIMIT :limit
"""
_SELECT_SURPLUS = """
    SELECT id, doc FROM tasks WHERE name = :name AND kept = 1 AND state = :state
    ORDER BY rowid DESC LIMIT :limit OFFSET :keep
"""


class SqliteStore:
    """Implements `ports.Store`. `set_aside` names the damaged file that the opening had to move out of the way."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError; a file that a newer program wrote is refused and left as it is."""
        self._path = path
        self._connection, self.set_aside = open_file(path)

    def close(self) -> None:
        self._connection.close()

    def load(self) -> Remembered:
        with told(self._path):
            still_open = self._tasks("SELECT id, doc FROM tasks WHERE closed = 0 ORDER BY rowid", {})
            serials = self._connection.execute("SELECT name, day, next FROM serials").fetchall()
            roots = self._connection.execute("SELECT root FROM roots").fetchall()
        return Remembered(
            open=tuple(still_open),
            serials={name: (day, following) for name, day, following in serials},
            decommissioned=frozenset(root for (root,) in roots),
        )

    def commit(self, events: Sequence[Event]) -> None:
        with told(self._path), self._transaction():
            for event in events:
                self._apply(event)

    def task(self, task_id: TaskId) -> Task | None:
        with told(self._path):
            found = self._tasks("SELECT id, doc FROM tasks WHERE id = :id", {"id": str(task_id)})
        return found[0] if found else None

    def tasks(self, wanted: TaskFilter) -> list[Task]:
        parameters = {
            "states": json.dumps(sorted(wanted.states)) if wanted.states else None,
            "root": wanted.root,
            "kind": wanted.kind,
            "since": min(wanted.since, _INT64_MAX),
            "limit": min(wanted.limit or DEFAULT_LIMIT, MAX_LIMIT),
        }
        found: list[Task] = []
        size = 0
        with told(self._path):
            for task_id, doc in self._connection.execute(_SELECT_TASKS, parameters):
                size += len(doc)
                if found and size > MAX_LIST_BYTES:
                    break
                found.append(self._decode(task_id, doc))
        return found

    def known(self, ids: Sequence[TaskId]) -> frozenset[TaskId]:
        by_text = {str(task_id): task_id for task_id in ids}
        query = "SELECT id FROM tasks WHERE id IN (SELECT value FROM json_each(:ids))"
        with told(self._path):
            rows = self._connection.execute(query, {"ids": json.dumps(list(by_text))}).fetchall()
        return frozenset(by_text[text] for (text,) in rows)

    def surplus(self, name: str, *, keep_success: int, keep_failed: int) -> list[Task]:
        keep = {TaskState.COMPLETE: keep_success, TaskState.FAILED: keep_failed}
        with told(self._path):
            return [
                task
                for state, number in keep.items()
                for task in self._tasks(
                    _SELECT_SURPLUS, {"name": name, "state": str(state), "keep": number, "limit": SURPLUS_AT_ONCE}
                )
            ]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back by itself when the disk was full, for example.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _tasks(self, query: str, parameters: dict[str, Any]) -> list[Task]:
        return [self._decode(*row) for row in self._connection.execute(query, parameters).fetchall()]

    def _decode(self, task_id: str, doc: str) -> Task:
        try:
            return from_text(doc)
        except ValueError as error:
            raise StoreError(
                f"store {self._path}: the record of {task_id} cannot be read; a newer program may have "
                f"written it, otherwise move the file away to begin without history ({error})"
            ) from error

    def _apply(self, event: Event) -> None:
        match event:
            case TaskStarted(task):
                self._connection.execute(_INSERT_TASK, _columns(task))
                self._advance_serial(task)
                self._append(event, task=str(task.id), time=task.started_usec)
            case TaskEnded(task):
                self._change(task.id, _UPDATE_TASK, _columns(task))
                columns = _columns(task)
                self._append(event, task=str(task.id), time=columns["ended"], result=columns["result"])
            case TaskClosed(task_id):
                self._change(task_id, _CLOSE_TASK, {"id": str(task_id)})
                self._append(event, task=str(task_id))
            case TaskDropped(task_id):
                self._change(task_id, _DROP_TASK, {"id": str(task_id)})
                self._append(event, task=str(task_id))
            case RootDecommissioned(root):
                self._connection.execute("INSERT OR IGNORE INTO roots (root) VALUES (?)", (root,))
                self._append(event, root=root)
            case RootRecommissioned(root):
                self._connection.execute("DELETE FROM roots WHERE root = ?", (root,))
                self._append(event, root=root)

    def _change(self, task_id: TaskId, statement: str, parameters: dict[str, Any]) -> None:
        if self._connection.execute(statement, parameters).rowcount != 1:
            raise StoreError(
                f"store {self._path}: {task_id} was never started, so nothing else can be recorded of it"
            )

    def _advance_serial(self, task: Task) -> None:
        serial = after(None, parse(task.id.version))
        if serial is not None:
            row = {"name": task.id.name, "day": serial[0], "next": serial[1]}
            self._connection.execute(_ADVANCE_SERIAL, row)

    def _append(self, event: Event, *, task: str = "", time: int | None = None, **details: str | None) -> None:
        row = {"time": time, "task": task, "event": type(event).__name__, "details": json.dumps(details)}
        self._connection.execute(_APPEND_EVENT, row)


def _columns(task: Task) -> dict[str, Any]:
    return {
        "id": str(task.id),
        "name": task.id.name,
        "version": task.id.version,
        "root": task.id.root,
        "kind": str(task.kind),
        "state": str(task.state),
        "result": str(task.outcome.result) if task.outcome else None,
        "submitted": task.submitted_usec,
        "started": task.started_usec,
        "ended": task.outcome.ended_usec if task.outcome else None,
        "doc": to_text(task),
    }
