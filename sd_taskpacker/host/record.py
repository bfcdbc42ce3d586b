# SPDX-License-Identifier: LGPL-2.1-or-later
"""How an event is written: as a line of history, and as the change that it makes to the tables that answer questions.

Every function wants an open transaction.
"""

from __future__ import annotations

import json
import sqlite3
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
    TaskFound,
    TaskPromised,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.engine.ports import Remembered, StoreConflict, StoreError
from sd_taskpacker.host import statements
from sd_taskpacker.host.history import details, moment, subject
from sd_taskpacker.host.taskjson import to_text
from sd_taskpacker.model.learning import learn, run_time
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.serials import after, parse
from sd_taskpacker.model.task import Task

DRAINED: Final = "drained"
HISTORY_BEGAN: Final = "HistoryBegan"
"""The first line of a history whose beginning is in a file that was set aside."""
_NEVER_CAME: Final = "was never started, so nothing else can be recorded of it"


def append(connection: sqlite3.Connection, event: Event) -> int:
    """As the last line of history; answers its sequence number."""
    return _append(connection, moment(event), subject(event), type(event).__name__, details(event))


def apply(connection: sqlite3.Connection, event: Event, number: int) -> None:
    """`number` is the event's. Raises StoreConflict where a new task is none, StoreError where there is nothing to
    change."""
    match event:
        case TaskQueued(task):
            _insert(connection, task, statements.INSERT_TASK)
        case TaskStarted(task) | TaskFound(task):
            _insert(connection, task, statements.START_TASK)
        case TaskAltered(task):
            _change(connection, task.id, statements.ALTER_TASK, _columns(task))
        case TaskPromised(task_id, start):
            _change(connection, task_id, statements.PROMISE_TASK, {"id": str(task_id), "start": start})
        case TaskEnded(task):
            _change(connection, task.id, statements.END_TASK, _columns(task) | {"over": number})
            _learn(connection, task)
        case TaskClosed(task_id):
            _change(connection, task_id, statements.CLOSE_TASK, {"id": str(task_id)})
        case TaskDropped(task_id):
            _change(connection, task_id, statements.DROP_TASK, {"id": str(task_id)})
        case RootDecommissioned() | RootRecommissioned() | Drained() | Resumed():
            _apply_order(connection, event)


def begin(connection: sqlite3.Connection, whole: Remembered, last: int, now: int, aside: Path | None) -> None:
    """Into an empty store: all that `whole` tells, and history from after the sequence number `last` on. `aside` is
    the file that has the history before."""
    connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (last,))
    number = _append(connection, now, "", HISTORY_BEGAN, {"set_aside": str(aside or "")})
    for task in whole.open:
        connection.execute(statements.INSERT_TASK, _columns(task))
        if task.outcome is not None:
            connection.execute(statements.END_TASK, _columns(task) | {"over": number})
    serials = [{"name": name, "day": day, "next": number} for name, (day, number) in whole.serials.items()]
    connection.executemany(statements.ADVANCE_SERIAL, serials)
    connection.executemany(statements.CLOSE_ROOT, [(root,) for root in whole.decommissioned])
    connection.executemany(statements.RAISE_FLAG, [(DRAINED,)] if whole.drained else [])
    learnt = [{"name": name, "runs": json.dumps(runs)} for name, runs in whole.learnt.items()]
    connection.executemany(statements.LEARN, learnt)


def _apply_order(
    connection: sqlite3.Connection, event: RootDecommissioned | RootRecommissioned | Drained | Resumed
) -> None:
    match event:
        case RootDecommissioned(root):
            connection.execute(statements.CLOSE_ROOT, (root,))
        case RootRecommissioned(root):
            connection.execute("DELETE FROM roots WHERE root = ?", (root,))
        case Drained():
            connection.execute(statements.RAISE_FLAG, (DRAINED,))
        case Resumed():
            connection.execute("DELETE FROM flags WHERE name = ?", (DRAINED,))


def _append(connection: sqlite3.Connection, time: int | None, task: str, event: str, details: Any) -> int:
    row = {"time": time, "task": task, "event": event, "details": json.dumps(details)}
    number = connection.execute(statements.APPEND_EVENT, row).lastrowid
    assert number is not None  # Of an INSERT it never is.
    return number


def _insert(connection: sqlite3.Connection, task: Task, statement: str) -> None:
    try:
        made = connection.execute(statement, _columns(task)).rowcount
    except sqlite3.IntegrityError:
        made = 0
    if made != 1:
        raise StoreConflict(task.id)
    _advance_serial(connection, task)


def _change(connection: sqlite3.Connection, task_id: TaskId, statement: str, parameters: dict[str, Any]) -> None:
    if connection.execute(statement, parameters).rowcount != 1:
        raise StoreError(f"store: {task_id} {_NEVER_CAME}")


def _advance_serial(connection: sqlite3.Connection, task: Task) -> None:
    serial = after(None, parse(task.id.version))
    if serial is not None:
        row = {"name": task.id.name, "day": serial[0], "next": serial[1]}
        connection.execute(statements.ADVANCE_SERIAL, row)


def _learn(connection: sqlite3.Connection, task: Task) -> None:
    took, name = run_time(task), task.id.name
    if took is not None:
        row = connection.execute(statements.SELECT_LEARNT, {"name": name}).fetchone()
        runs = learn(tuple(json.loads(row[0])) if row else (), took)
        connection.execute(statements.LEARN, {"name": name, "runs": json.dumps(runs)})


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
