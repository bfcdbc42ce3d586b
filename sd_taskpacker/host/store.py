# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is remembered: an SQLite file in WAL mode, written with one transaction per `commit`.

Each event changes the tables that answer questions and is also appended to `events`, which keeps the history in
its order. synchronous=FULL: a commit that has returned survives a power cut.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sd_taskpacker.engine.events import Event
from sd_taskpacker.engine.ports import PastEvent, Remembered, StoreDamaged, StoreError, TaskFilter
from sd_taskpacker.host import record, statements
from sd_taskpacker.host.storefile import identity_of, open_file, replace_file, same_file, told
from sd_taskpacker.host.taskjson import from_text
from sd_taskpacker.model.learning import NO_MEASURE, Runs, expected
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task, TaskState

log = logging.getLogger(__name__)

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


class SqliteStore:
    """Implements `ports.Store`. `set_aside` names the damaged file that had to be moved out of the way last."""

    def __init__(self, path: Path, *, now: int = 0) -> None:
        """Raises StoreError; a file that a newer program wrote is refused and left as it is. `now` (usec) counts only
        when a damaged file is set aside: what was its last sequence number nobody can tell then, but no service has
        had as many events as milliseconds have passed since 1970."""
        self._path = path
        self._abandoned: list[sqlite3.Connection] = []
        nothing = Remembered()
        self._connection, self.set_aside = open_file(
            path, lambda new, aside: record.begin(new, nothing, now // 1_000, now, aside)
        )
        self._identity = identity_of(path)
        with told(path):
            (self._last,) = self._connection.execute(statements.LAST_NUMBER).fetchone()

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
            drained=(record.DRAINED,) in flags,
            learnt=learnt,
            runs=runs,
        )

    def commit(self, events: Sequence[Event]) -> list[int]:
        with told(self._path), self._transaction():
            numbers = [self._remember(event) for event in events]
        self._last = numbers[-1] if numbers else self._last
        return numbers

    def probe(self) -> None:
        with told(self._path), self._transaction():
            self._connection.execute(statements.CHANGE_NOTHING)

    def renew(self, whole: Remembered, events: Sequence[Event], now: int) -> list[int]:
        numbers: list[int] = []

        def fill(new: sqlite3.Connection, aside: Path | None) -> None:
            record.begin(new, whole, self._last, now, aside)
            numbers.extend(record.append(new, event) for event in events)

        with told(self._path):
            connection, self.set_aside = replace_file(self._path, fill)
            # Never closed: that would write into the damaged file what its log has, and remove the new one's log.
            self._abandoned.append(self._connection)
            self._connection, self._identity = connection, identity_of(self._path)
        self._last = numbers[-1] if numbers else self._last + 1
        log.error("the store was damaged or removed (kept as: %s); its history is not in the new one", self.set_aside)
        return numbers

    def forget(self, *, before: int, keep: int, at_most: int) -> bool:
        parameters = {"before": before, "keep": max(1, keep), "at_most": at_most}
        with told(self._path), self._transaction():
            (first_kept,) = self._connection.execute(statements.FIRST_KEPT_EVENT, parameters).fetchone()
            horizon = {"first": first_kept or 0, "at_most": at_most}
            lines = self._connection.execute(statements.FORGET_EVENTS, horizon).rowcount
            tasks = self._connection.execute(statements.FORGET_TASKS, horizon).rowcount
        return at_most in (lines, tasks)

    def forget_names(self, *, before: str, at_most: int) -> list[str]:
        with told(self._path), self._transaction():
            rows = self._connection.execute(statements.SELECT_OLD_NAMES, {"before": before, "at_most": at_most})
            names = [name for (name,) in rows]
            for statement in (statements.FORGET_SERIALS, statements.FORGET_LEARNT) if names else ():
                self._connection.execute(statement, {"names": json.dumps(names)})
        return names

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

    def _remember(self, event: Event) -> int:
        number = record.append(self._connection, event)
        record.apply(self._connection, event, number)
        return number

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if not same_file(self._path, self._identity):
            raise StoreDamaged(f"store {self._path} was removed or replaced; a new one begins in its place")
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
