# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of the store, and how an older file becomes a new one.

`PRAGMA user_version` counts the steps that a file has been through. A released step is never edited: a change is
a new step at the end, and a file of the old version goes to tests/data/stores/.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_VERSION_1: Final = (
    # `doc` is the whole task (host.taskjson); the other columns are copies of what is searched for.
    # closed: announced and collected. kept: its directory is there.
    """
    CREATE TABLE tasks (
        id        TEXT PRIMARY KEY,
        name      TEXT NOT NULL,
        version   TEXT NOT NULL,
        root      TEXT NOT NULL,
        kind      TEXT NOT NULL,
        state     TEXT NOT NULL,
        result    TEXT,
        submitted INTEGER NOT NULL,
        started   INTEGER NOT NULL,
        ended     INTEGER,
        closed    INTEGER NOT NULL DEFAULT 0,
        kept      INTEGER NOT NULL DEFAULT 0,
        doc       TEXT NOT NULL
    )
    """,
    "CREATE INDEX tasks_open ON tasks (id) WHERE closed = 0",
    "CREATE INDEX tasks_kept ON tasks (name, state) WHERE kept = 1",
    "CREATE INDEX tasks_started ON tasks (started)",
    # The newest day on which a name was used, and that day's next number.
    "CREATE TABLE serials (name TEXT PRIMARY KEY, day TEXT NOT NULL, next INTEGER NOT NULL)",
    # Roots that take no more work.
    "CREATE TABLE roots (root TEXT PRIMARY KEY)",
    # time_usec repeats the event before where the event itself carries no time; NULL when there was none.
    # AUTOINCREMENT, since a sequence number must never come back once a client has read it.
    """
    CREATE TABLE events (
        seq       INTEGER PRIMARY KEY AUTOINCREMENT,
        time_usec INTEGER,
        task      TEXT NOT NULL,
        event     TEXT NOT NULL,
        details   TEXT NOT NULL
    )
    """,
)

_VERSION_2: Final = (
    # Waiting tasks are in `tasks`, too, with started = 0. promised: the start they were shown; `doc` may lack it.
    "ALTER TABLE tasks ADD COLUMN promised INTEGER",
    # over: rises in the order in which tasks ended, which is no longer that in which they came.
    "ALTER TABLE tasks ADD COLUMN over INTEGER",
    "UPDATE tasks SET over = rowid WHERE ended IS NOT NULL",
    "DROP INDEX tasks_kept",
    "CREATE INDEX tasks_kept ON tasks (name, state, over) WHERE kept = 1",
    # What is on: `drained`.
    "CREATE TABLE flags (name TEXT PRIMARY KEY)",
    # Name -> how long (usec) those of its runs took that succeeded lately, as JSON, the oldest first.
    "CREATE TABLE learnt (name TEXT PRIMARY KEY, runs TEXT NOT NULL)",
    """
    INSERT INTO learnt (name, runs)
    SELECT name, json_group_array(took) FROM (
        SELECT name, ended - started AS took,
               row_number() OVER (PARTITION BY name ORDER BY ended DESC, rowid DESC) AS age
        FROM tasks WHERE state = 'complete' AND ended > started
        ORDER BY name, age DESC
    ) WHERE age <= 10 GROUP BY name
    """,
)

_VERSION_3: Final = (
    # What retention of history may take: its record is of no use but to read it.
    "CREATE INDEX tasks_gone ON tasks (over) WHERE closed = 1 AND kept = 0",
    # One row, written to see whether the store can be written.
    "CREATE TABLE probe (number INTEGER NOT NULL)",
    "INSERT INTO probe (number) VALUES (0)",
)

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3)
VERSION: Final = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Brings a file of any older version to this one, step by step. Call it inside a transaction."""
    for number in range(version_of(connection), VERSION):
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")  # A pragma takes no parameters.
