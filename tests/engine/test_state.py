# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.engine.events import (
    Event,
    RootDecommissioned,
    RootRecommissioned,
    TaskClosed,
    TaskEnded,
    TaskStarted,
)
from sd_taskpacker.engine.state import State
from tests.engine.builders import NOW, TODAY, ended, state, task


def _seen(held: State) -> object:
    names = ("job", "other")
    return (
        sorted(held.open_tasks(), key=lambda one: one.id),
        [held.serial(name) for name in names],
        [held.is_decommissioned(name) for name in names],
        held.figures(NOW, ()),
    )


def test_an_ended_task_holds_nothing_and_stays_open_until_it_is_closed() -> None:
    held = state(running := task(chunks=32), chunks=32, cpus=4)
    assert held.slots(NOW) == (0, 0, 0, 0)
    held.apply(TaskEnded(ended(running)))
    assert held.slots(NOW) == (4, 4, 4, 1)
    assert held.task(running.id) is not None
    held.apply(TaskClosed(running.id))
    assert held.task(running.id) is None


def test_figures_show_what_is_used_and_never_less_than_nothing() -> None:
    figures = state(task("a", chunks=30, cpus=1), task("b/c", chunks=30, cpus=9), chunks=32, cpus=4).figures(
        NOW, ["r"]
    )
    assert (figures.chunks_total, figures.chunks_free, figures.cpus_total, figures.cpus_free) == (32, 0, 4, 0)
    assert (figures.running, figures.queued, figures.roots) == (2, 0, ("a", "b", "r"))


events = st.lists(
    st.sampled_from(
        [
            TaskStarted(task("job", f"{TODAY}.0")),
            TaskStarted(task("job", f"{TODAY}.5")),
            TaskStarted(task("other", "v1")),
            TaskEnded(ended(task("job", f"{TODAY}.0"))),
            TaskClosed(task("job", f"{TODAY}.0").id),
            RootDecommissioned("job"),
            RootDecommissioned("other"),
            RootRecommissioned("job"),
        ]
    ),
    max_size=10,
)


@given(events, events)
def test_every_change_can_be_taken_back(kept: list[Event], lost: list[Event]) -> None:
    held = state()
    for event in kept:
        held.apply(event)
    before = _seen(held)
    undos = [held.apply(event) for event in lost]
    for undo in reversed(undos):
        undo()
    assert _seen(held) == before
