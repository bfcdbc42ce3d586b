# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.drawing.view import PlanView
from sd_taskpacker.engine.events import Drained
from sd_taskpacker.engine.manager import PlanFormat
from sd_taskpacker.engine.picture import draw, picture
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.wholeplan import WholePlan
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.planner import plan
from tests.engine.builders import NOW, SECOND, ended, state, task, value, waiting

MINUTE = 60 * SECOND


def whole(held: State) -> WholePlan:
    snapshot = held.snapshot(NOW)
    return WholePlan(snapshot=snapshot, plan=plan(snapshot), tasks=tuple(held.open_tasks()), draining=held.draining)


def seen(*tasks: Any, **more: Any) -> PlanView:
    return picture(whole(state(*tasks, **more)))


def test_what_runs_is_a_bar_until_its_expected_end() -> None:
    running = task(kind=Kind.WORKORDER, chunks=8, cpus=2, started_usec=NOW - MINUTE, expected_usec=3 * MINUTE)
    (bar,) = seen(running).bars
    assert (bar.id, bar.label, bar.kind, bar.running) == (str(running.id), str(running.id), Kind.WORKORDER, True)
    assert (bar.start, bar.end, bar.chunks, bar.cpus) == (NOW - MINUTE, NOW + 2 * MINUTE, 8, 2)
    assert (bar.overdue, bar.latest) == (False, None)


def test_what_is_past_its_declared_end_is_overdue_and_goes_on_beyond_now() -> None:
    (bar,) = seen(task(started_usec=NOW - 3 * MINUTE, expected_usec=2 * MINUTE)).bars
    assert bar.overdue
    assert bar.end > NOW


def test_what_waits_has_its_expected_start_and_the_promised_one() -> None:
    one = waiting("next", promised_usec=NOW + 90 * MINUTE, expected_usec=MINUTE, deadline_usec=NOW + 2, priority=7)
    _, bar = seen(task("full", chunks=32, expected_usec=MINUTE), one).bars
    assert (bar.id, bar.running, bar.start, bar.end) == (str(one.id), False, NOW + MINUTE, NOW + 2 * MINUTE)
    assert (bar.latest, bar.deadline, bar.priority) == (NOW + 90 * MINUTE, NOW + 2, 7)


def test_what_has_just_come_is_shown_with_what_it_will_be_promised() -> None:
    _, bar = seen(task("full", chunks=32), waiting()).bars
    assert bar.latest is not None
    assert bar.latest >= bar.start


def test_what_can_have_no_place_is_listed_with_the_reasons() -> None:
    (one,) = seen(waiting(chunks=33), chunks=32).unplaced
    assert (one.id, one.reasons) == (str(waiting().id), ("wants 1056M, there is 1G",))


def test_the_budget_and_draining_are_shown_and_what_has_ended_is_not() -> None:
    held = state(ended(task()), chunks=32, cpus=4)
    held.apply(Drained())
    view = picture(whole(held))
    assert (view.now, view.chunks, view.cpus, view.draining, view.bars) == (NOW, 32, 4, True, ())


def test_no_drawing_tells_what_a_task_was_given() -> None:
    given_: dict[str, Any] = {
        "params": (("password", value("hunter2")),),
        "argv": ("/bin/login", "hunter2"),
        "tag": "hunter2",
    }
    held = whole(state(task(**given_), waiting("next", **given_), waiting("huge", chunks=99, **given_)))
    for form in PlanFormat:
        drawn = draw(held, form)
        assert "hunter2" not in drawn
        assert "next@" in drawn


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6), st.booleans()), max_size=10))
def test_everything_that_runs_or_waits_is_drawn_once(jobs: list[tuple[int, int, bool]]) -> None:
    tasks = [
        (task if runs else waiting)(version=str(n), chunks=chunks, cpus=cpus)
        for n, (chunks, cpus, runs) in enumerate(jobs)
    ]
    shown = json.loads(draw(whole(state(*tasks)), PlanFormat.JSON))
    ids = [one["id"] for one in (*shown["tasks"], *shown["unplaced"])]
    assert sorted(ids) == sorted(str(one.id) for one in tasks)
