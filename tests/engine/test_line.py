# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.engine.line import Line
from tests.engine.builders import NOW, SECOND, waiting


def _line() -> Line:
    return Line(lambda name: {"quick": SECOND}.get(name, 60 * SECOND), lambda name: True)


def test_a_candidate_is_the_task_as_the_planner_sees_it() -> None:
    line = _line()
    one = waiting("quick", "1", priority=7, deadline_usec=NOW, promised_usec=NOW + 1, runs_late=True, max_running=2)
    line.put(one)
    (seen,) = line.candidates()
    assert (seen.key, seen.duration, seen.priority, seen.deadline) == ("quick@1", SECOND, 7, NOW)
    assert (seen.promised, seen.runs_late, seen.now_only) == (NOW + 1, True, False)
    assert seen.claims == {"memory": 4, "cpu": 0, "unit:quick": 1}


def test_a_changed_task_keeps_its_place() -> None:
    line = _line()
    for version in ("1", "2"):
        line.put(waiting("job", version))
    line.candidates()
    line.put(waiting("job", "1", priority=7))
    assert [(seen.key, seen.priority) for seen in line.candidates()] == [("job@1", 7), ("job@2", 100)]


def test_what_is_learnt_changes_what_is_expected_where_nothing_was_declared() -> None:
    times = {"job": SECOND}
    line = Line(lambda name: times[name], lambda name: True)
    line.put(waiting("job", "1", expected_usec=5 * SECOND))
    line.put(waiting("job", "2"))
    line.candidates()
    times["job"] = 9 * SECOND
    assert [seen.duration for seen in line.candidates()] == [5 * SECOND, 9 * SECOND]


def test_each_users_tasks_are_counted() -> None:
    line = _line()
    one = waiting("job", "1", uid=7)
    for each in (one, one, waiting("job", "2", uid=7), waiting("job", "3", uid=8)):
        line.put(each)
    line.remove(one.id)
    line.remove(one.id)
    assert (line.of_user(7), line.of_user(8), line.of_user(9), len(line)) == (1, 1, 0, 2)


def test_only_those_that_do_not_run_late_are_dropped_at_their_deadline() -> None:
    line = _line()
    line.put(waiting("job", "1"))
    line.put(waiting("job", "2", deadline_usec=NOW, runs_late=True))
    line.put(waiting("job", "3", deadline_usec=NOW))
    line.put(changed := waiting("job", "3", deadline_usec=NOW + SECOND))
    assert line.dropping() == [(NOW + SECOND, changed)]
    line.remove(changed.id)
    assert line.dropping() == []
