# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.cli.canvas import plain
from sd_taskpacker.cli.happenings import Away, Back, Budget, Ended, Moved, TriedAgain
from sd_taskpacker.cli.planview import Outlook
from sd_taskpacker.cli.progress import Progress, lines
from sd_taskpacker.cli.text import width
from tests.drawing.situations import NOW, at

FIGURES = {"ChunksTotal": 32, "ChunksFree": 8, "CPUsTotal": 2, "CPUsFree": 0}


def shown(progress: Progress, columns: int = 80, seconds: float = 5) -> list[str]:
    return [plain(each) for each in lines(progress, at(seconds), columns, unicode=False)]


def of(*ids: str) -> Progress:
    return Progress.of(ids, NOW)


def test_each_task_is_counted_where_it_is() -> None:
    progress = of("a@1", "a@2", "a@3", "a@4")
    for happening in (
        Moved(id="a@1", state="running"),
        Moved(id="a@2", state="waiting"),
        Moved(id="other@1", state="running"),
        Ended({"id": "a@3", "state": "failed"}),
        Ended({"id": "a@4", "state": "complete"}),
    ):
        progress.note(happening)
    assert shown(progress)[0] == "4 tasks: 1 waiting, 1 running, 1 done, 1 failed"
    assert shown(progress)[1].endswith("] 50%")
    assert progress.summary(at(125)) == "4 tasks: 1 complete, 1 failed, after 2min 5s"


def test_the_next_try_takes_the_place_of_the_first() -> None:
    progress = of("a@1")
    progress.note(TriedAgain({"id": "a@1", "state": "failed"}, "a@2"))
    assert shown(progress)[0] == "1 task: 1 waiting, 0 running, 0 done, 0 failed"
    progress.note(Ended({"id": "a@2", "state": "complete"}))
    assert progress.summary(at(1)) == "1 task: 1 complete, after 1s"


def test_the_budget_is_shown_as_soon_as_it_is_known() -> None:
    progress = of("a@1")
    assert len(shown(progress)) == 2
    progress.note(Budget(FIGURES))
    assert [each.partition("]")[2] for each in shown(progress)[1:3]] == [" 768M of 1G in use", " 2 of 2 in use"]


def test_a_service_that_restarts_is_told_until_it_is_back() -> None:
    progress = of("a@1")
    progress.note(Away(("a@1",)))
    assert "The service is restarting; the tasks go on" in shown(progress)[1]
    progress.note(Back())
    assert "restarting" not in "".join(shown(progress))


def test_the_expected_end_is_that_of_the_plan_and_never_in_the_past() -> None:
    progress = of("a@1")
    progress.outlook = Outlook(end=at(65), unplaced=1)
    last = shown(progress)[-1]
    assert last == (
        "5s so far; expected end in 1min (Sat 2026-11-21 14:01:28 UTC); 1 without a place, see taskpackerctl why"
    )
    assert "expected end now" in shown(progress, seconds=300)[-1]


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_gauges_fit_the_terminal(columns: int) -> None:
    progress = of(*(f"a@{index}" for index in range(1000)))
    progress.note(Budget(FIGURES))
    drawn = shown(progress, columns)
    assert drawn[0] == "1,000 tasks: 1,000 waiting, 0 running, 0 done, 0 failed"
    assert columns == 20 or max(map(width, drawn)) <= columns
