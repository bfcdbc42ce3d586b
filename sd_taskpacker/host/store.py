# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is remembered: an SQLite file in WAL mode, written with one transaction per `commit`.

Each event changes the tables that answer questions and is also appended to `events`, which keeps the history in
its order. synchronous=FULL: a commit that has returned survives a power cut.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

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
from sd_taskpacker.host import statements
from sd_taskpacker.host.history import details, moment, subject
from sd_taskpacker.host.storefile import open_file, told
from sd_taskpacker.host.taskjson import from_text, to_text
from sd_taskpacker.model.learning import NO_MEASURE, Runs, expected, learn, run_time
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
RUNS_COMPARED: Final = 100
_NOT_OVER: Final = frozenset({TaskState.WAITING, TaskState.RUNNING})
_INT64_MAX: Final = (1 << 63) - 1
_DRAINED: Final = "drained"
_NEVER_CAME: Final = "was never started, so nothing else can be recorded of it"


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
            still_open = self._tasks(statements.SELECT_OPEN, {})
            serials = self._connection.execute("SELECT name, day, next FROM serials").fetchall()
            roots = self._connection.execute("SELECT root FROM roots").fetchall()
            flags = self._connection.execute("SELECT name FROM flags").fetchall()
            rows = self._connection.execute("SELECT name, runs FROM learnt").fetchall()
            learnt: dict[str, Runs] = {name: tuple(json.loads(runs)) for name, runs in rows}
            runs = self._runs(learnt)
        return Remembered(
            open=tuple(still_open),
            serials={name: (day, following) for name, day, following in serials},
            decommissioned=frozenset(root for (root,) in roots),
            drained=(_DRAINED,) in flags,
            learnt=learnt,
            runs=runs,
        )

    def commit(self, events: Sequence[Event]) -> list[int]:
        numbers = []
        with told(self._path), self._transaction():
            for event in events:
                numbers.append(self._append(event))
                self._apply(event, numbers[-1])
        return numbers

    def events(self, after: int, limit: int) -> list[PastEvent]:
        parameters = {"after": min(after, _INT64_MAX), "limit": min(limit or DEFAULT_LIMIT, MAX_LIMIT)}
        with told(self._path):
            rows = self._connection.execute(statements.SELECT_EVENTS, parameters).fetchall()
        return [
            PastEvent(sequence=number, time=time or 0, task=task, event=event, details=json.loads(details))
            for number, time, task, event, details in rows
        ]

    def task(self, task_id: TaskId) -> Task | None:
        with told(self._path):
            found = self._tasks(statements.SELECT_TASK, {"id": str(task_id)})
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
        query = (
            statements.SELECT_NOT_OVER if wanted.states and wanted.states <= _NOT_OVER else statements.SELECT_TASKS
        )
        with told(self._path):
            for task_id, doc, promised in self._connection.execute(query, parameters):
                size += len(doc)
                if found and size > MAX_LIST_BYTES:
                    break
                found.append(self._decode(task_id, doc, promised))
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
                    statements.SELECT_SURPLUS,
                    {"name": name, "state": str(state), "keep": number, "limit": SURPLUS_AT_ONCE},
                )
            ]

    def _runs(self, learnt: dict[str, Runs]) -> tuple[tuple[int, int], ...]:
        """What was expected of a run where nobody said so is not kept: it is taken to be what is expected now."""
        parameters = {"no_measure": json.dumps(sorted(NO_MEASURE)), "limit": RUNS_COMPARED}
        rows = self._connection.execute(statements.SELECT_RUNS, parameters).fetchall()
        return tuple((took, said or expected(learnt.get(name, ()))) for name, took, said in reversed(rows))

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

    def _decode(self, task_id: str, doc: str, promised: int | None) -> Task:
        try:
            return dataclasses.replace(from_text(doc), promised_usec=promised)
        except ValueError as error:
            raise StoreError(
                f"store {self._path}: the record of {task_id} cannot be read; a newer program may have "
                f"written it, otherwise move the file away to begin without history ({error})"
            ) from error

    def _apply(self, event: Event, number: int) -> None:
        match event:
            case TaskQueued(task):
                self._connection.execute(statements.INSERT_TASK, _columns(task))
                self._advance_serial(task)
            case TaskStarted(task):
                self._change(task.id, statements.START_TASK, _columns(task), "is there already")
                self._advance_serial(task)
            case TaskAltered(task):
                self._change(task.id, statements.ALTER_TASK, _columns(task))
            case TaskPromised(task_id, start):
                self._change(task_id, statements.PROMISE_TASK, {"id": str(task_id), "start": start})
            case TaskEnded(task):
                self._change(task.id, statements.END_TASK, _columns(task) | {"over": number})
                self._learn(task)
            case TaskClosed(task_id):
                self._change(task_id, statements.CLOSE_TASK, {"id": str(task_id)})
            case TaskDropped(task_id):
                self._change(task_id, statements.DROP_TASK, {"id": str(task_id)})
            case RootDecommissioned(root):
                self._connection.execute("INSERT OR IGNORE INTO roots (root) VALUES (?)", (root,))
            case RootRecommissioned(root):
                self._connection.execute("DELETE FROM roots WHERE root = ?", (root,))
            case Drained():
                self._connection.execute("INSERT OR IGNORE INTO flags (name) VALUES (?)", (_DRAINED,))
            case Resumed():
                self._connection.execute("DELETE FROM flags WHERE name = ?", (_DRAINED,))

    def _change(
        self, task_id: TaskId, statement: str, parameters: dict[str, Any], otherwise: str = _NEVER_CAME
    ) -> None:
        if self._connection.execute(statement, parameters).rowcount != 1:
            raise StoreError(f"store {self._path}: {task_id} {otherwise}")

    def _advance_serial(self, task: Task) -> None:
        serial = after(None, parse(task.id.version))
        if serial is not None:
            row = {"name": task.id.name, "day": serial[0], "next": serial[1]}
            self._connection.execute(statements.ADVANCE_SERIAL, row)

    def _learn(self, task: Task) -> None:
        took, name = run_time(task), task.id.name
        if took is not None:
            row = self._connection.execute(statements.SELECT_LEARNT, {"name": name}).fetchone()
            runs = learn(tuple(json.loads(row[0])) if row else (), took)
            self._connection.execute(statements.LEARN, {"name": name, "runs": json.dumps(runs)})

    def _append(self, event: Event) -> int:
        row = {
            "time": moment(event),
            "task": subject(event),
            "event": type(event).__name__,
            "details": json.dumps(details(event)),
        }
        number = self._connection.execute(statements.APPEND_EVENT, row).lastrowid
        assert number is not None  # Of an INSERT it never is.
        return number


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
        # What never ran is listed by its end, among what ran then.
        "started": task.started_usec or (task.outcome.ended_usec if task.outcome else 0),
        "ended": task.outcome.ended_usec if task.outcome else None,
        "promised": task.promised_usec,
        "doc": to_text(task),
    }
