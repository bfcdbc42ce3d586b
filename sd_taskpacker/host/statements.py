# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store's SQL, by what it is for. The tables are in host.schema."""

from __future__ import annotations

INSERT_TASK = """
    INSERT INTO tasks (id, name, version, root, kind, state, result, submitted, started, ended, promised, doc)
    VALUES (:id, :name, :version, :root, :kind, :state, :result, :submitted, :started, :ended, :promised, :doc)
"""
START_TASK = (
    INSERT_TASK
    + """
    ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, started = excluded.started, promised = excluded.promised, doc = excluded.doc
    WHERE state = 'waiting'
"""
)
ALTER_TASK = "UPDATE tasks SET promised = :promised, doc = :doc WHERE id = :id"
PROMISE_TASK = "UPDATE tasks SET promised = :start WHERE id = :id"
END_TASK = """
    UPDATE tasks SET state = :state, result = :result, started = :started, ended = :ended, promised = :promised,
        over = :over, doc = :doc
    WHERE id = :id
"""
CLOSE_TASK = "UPDATE tasks SET closed = 1, kept = 1 WHERE id = :id"
DROP_TASK = "UPDATE tasks SET kept = 0 WHERE id = :id"
ADVANCE_SERIAL = """
    INSERT INTO serials (name, day, next) VALUES (:name, :day, :next)
    ON CONFLICT (name) DO UPDATE SET
        next = CASE WHEN excluded.day > day THEN excluded.next ELSE max(next, excluded.next) END,
        day = excluded.day
    WHERE excluded.day >= day
"""
CLOSE_ROOT = "INSERT OR IGNORE INTO roots (root) VALUES (?)"
RAISE_FLAG = "INSERT OR IGNORE INTO flags (name) VALUES (?)"
CHANGE_NOTHING = "UPDATE probe SET number = number + 1"
APPEND_EVENT = """
    INSERT INTO events (time_usec, task, event, details)
    VALUES (coalesce(:time, (SELECT time_usec FROM events ORDER BY seq DESC LIMIT 1)), :task, :event, :details)
"""
SELECT_LEARNT = "SELECT runs FROM learnt WHERE name = :name"
LEARN = "INSERT OR REPLACE INTO learnt (name, runs) VALUES (:name, :runs)"
SELECT_RUNS = """
    SELECT name, ended - started, CASE WHEN json_valid(doc) THEN json_extract(doc, '$.expected_usec') END
    FROM events CROSS JOIN tasks ON tasks.id = events.task
    WHERE events.event = 'TaskEnded' AND kind = 'batch' AND started > 0 AND ended > started
      AND result NOT IN (SELECT value FROM json_each(:no_measure))
    ORDER BY seq DESC LIMIT :limit
"""
"""The newest first. CROSS JOIN: read from the end of `events`, however long the history is. json_valid: inf and nan
are no JSON to SQLite."""
LAST_NUMBER = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
SELECT_EVENTS = """
    SELECT seq, time_usec, task, event, details FROM events WHERE seq > :after ORDER BY seq LIMIT :limit
"""
SELECT_OPEN = "SELECT id, doc, promised FROM tasks WHERE closed = 0 ORDER BY rowid"
SELECT_TASK = "SELECT id, doc, promised FROM tasks WHERE id = :id"
SELECT_TASKS = """
    SELECT id, doc, promised FROM tasks
    WHERE (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
      AND (:root IS NULL OR root = :root) AND (:kind IS NULL OR kind = :kind) AND submitted >= :since
    ORDER BY started DESC, rowid DESC LIMIT :limit
"""
SELECT_NOT_OVER = """
    SELECT id, doc, promised FROM tasks INDEXED BY tasks_open
    WHERE closed = 0
      AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
      AND (:root IS NULL OR root = :root) AND (:kind IS NULL OR kind = :kind) AND submitted >= :since
    ORDER BY started DESC, rowid DESC LIMIT :limit
"""
"""For what waits and runs only, which is found without reading through history."""
SELECT_SURPLUS = """
    SELECT id, doc, promised FROM tasks WHERE name = :name AND kept = 1 AND state = :state
    ORDER BY over DESC LIMIT :limit OFFSET :keep
"""
FIRST_KEPT_EVENT = """
    SELECT min(seq) FROM (
        SELECT seq, time_usec, (SELECT max(seq) FROM events) AS last FROM events ORDER BY seq LIMIT :at_most + 1
    ) WHERE seq > last - :keep AND (coalesce(time_usec, 0) >= :before OR seq = last)
        OR seq = (SELECT max(seq) FROM (SELECT seq FROM events ORDER BY seq LIMIT :at_most + 1))
"""
"""Among the oldest ones. The last of those that are looked at is never said to go, so no more than :at_most go."""
FORGET_EVENTS = "DELETE FROM events WHERE seq < :first"
FORGET_TASKS = """
    DELETE FROM tasks WHERE rowid IN (
        SELECT rowid FROM tasks INDEXED BY tasks_gone
        WHERE closed = 1 AND kept = 0 AND over < :first ORDER BY over LIMIT :at_most
    )
"""
SELECT_OLD_NAMES = """
    SELECT name FROM (
        SELECT name FROM serials WHERE day < :before
        UNION SELECT name FROM learnt WHERE name NOT IN (SELECT name FROM serials)
    ) AS old
    WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE id >= old.name || '@' AND id < old.name || 'A') LIMIT :at_most
"""
"""'A' comes right after '@': between them are all ids of that name."""
FORGET_SERIALS = "DELETE FROM serials WHERE name IN (SELECT value FROM json_each(:names))"
FORGET_LEARNT = "DELETE FROM learnt WHERE name IN (SELECT value FROM json_each(:names))"
