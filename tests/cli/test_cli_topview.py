# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from typing import Any

import pytest

from sd_taskpacker.cli.canvas import columns_of, plain
from sd_taskpacker.cli.keys import Key
from sd_taskpacker.cli.topview import Board, Position, Sort, frame, once, page_size, row_count
from tests.drawing.situations import HOSTILE, NOW, Situation, at, many

FIGURES: dict[str, Any] = {
    "ChunksTotal": 32,
    "ChunksFree": 8,
    "CPUsTotal": 2,
    "CPUsFree": 0,
    "NRunning": 3,
    "NQueued": 4,
}
FIGURES |= {"EstimatedSlotsRemaining": [8, 2, 1, 0], "Draining": False}


def runs(
    task_id: str, *, since: float = -60, chunks: int = 4, cpus: int = 1, expected: float | None = None
) -> dict[str, Any]:
    task: dict[str, Any] = {"id": task_id, "started": at(since), "chunks": chunks, "memory_max": chunks << 25}
    task |= {"cpus": cpus, "priority": 100}
    return task if expected is None else task | {"expected": round(expected * 1_000_000)}


def board(*running: dict[str, Any], plan: Situation | None = None, **figures: Any) -> Board:
    made = Board(figures=FIGURES | figures, running=list(running))
    made.plan((plan or Situation()).view())
    return made


def drawn(shown: Board, columns: int = 80, rows: int = 24, position: Position | None = None) -> list[str]:
    return [plain(each).rstrip() for each in frame(shown, position or Position(), NOW, columns, rows, unicode=True)]


def test_it_shows_budget_counts_and_room() -> None:
    lines = drawn(board())
    assert lines[0] == "sd-taskpacker  14:00:23 UTC  3 running, 4 waiting"
    assert lines[1].endswith("] 768M of 1G in use")
    assert lines[2].endswith("] 2 of 2 in use")
    assert lines[3] == "Room   8 tiny, 2 small, 1 medium, 0 large"
    assert "Nothing runs, nothing waits." in lines


def test_a_task_that_runs_has_its_age_its_expected_end_and_what_it_takes() -> None:
    plan = Situation().task("planned@1", start=-60, end=30)
    shown = drawn(
        board(runs("planned@1", chunks=32, cpus=2), runs("declared@1", expected=90), runs("unknown@1"), plan=plan)
    )
    rows = {line.split()[0]: line.split() for line in shown if "@" in line}
    assert rows["planned@1"] == ["planned@1", "1min", "in", "30s", "1G", "2", "100"]
    assert rows["declared@1"][1:4] == ["1min", "in", "30s"]
    assert rows["unknown@1"][1:3] == ["1min", "-"]


def test_what_runs_longer_than_expected_says_so() -> None:
    assert any("overdue" in line for line in drawn(board(runs("a@1", expected=30))))


def test_next_is_what_starts_next_and_at_the_end_what_has_no_place() -> None:
    plan = Situation().task("b@1", start=90, latest=600).task("a@1", start=30).without_place("c@1", "needs 64G")
    rows = [line for line in drawn(board(plan=plan)) if "@" in line]
    assert [row.split()[0] for row in rows] == ["a@1", "b@1", "c@1"]
    assert rows[1].split()[1:7] == ["in", "1min", "30s", "in", "10min", "128M"]
    assert rows[2].split(maxsplit=1)[1] == "no place  needs 64G"


def test_what_has_started_since_the_plan_was_made_is_not_next() -> None:
    shown = board(plan=Situation().task("a@1", start=30).task("b@1", start=60))
    shown.moved({"a@1"})
    assert [line.split()[0] for line in drawn(shown) if "@" in line] == ["b@1"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [(Sort.AGE, "old@1"), (Sort.END, "soon@1"), (Sort.MEMORY, "large@1"), (Sort.CPUS, "broad@1"), (Sort.NAME, "a@1")],
)
def test_tasks_are_sorted_as_wanted(sort: Sort, first: str) -> None:
    shown = board(
        runs("a@1"),
        runs("old@1", since=-900),
        runs("soon@1", expected=61),
        runs("large@1", chunks=9),
        runs("broad@1", cpus=4),
    )
    assert shown.sorted(sort)[0]["id"] == first


def test_s_goes_through_all_sorts_and_round() -> None:
    position, seen = Position(), []
    for _ in Sort:
        position.press(Key.SORT, page=5, rows=5)
        seen.append(position.sort)
    assert sorted(seen) == sorted(Sort)
    assert position.sort is Sort.AGE


def test_scrolling_ends_at_both_ends_of_the_list() -> None:
    shown, position = board(plan=many(1000)), Position()
    page, rows = page_size(shown, NOW, 80, 24, unicode=True), row_count(shown)
    position.press(Key.UP, page=page, rows=rows)
    assert position.first == 0
    position.press(Key.PAGE_DOWN, page=page, rows=rows)
    assert position.first == page
    position.press(Key.END, page=page, rows=rows)
    last = shown.upcoming[-1].id
    assert drawn(shown, position=position)[-2].startswith(last)
    position.press(Key.DOWN, page=page, rows=rows)
    assert drawn(shown, position=position)[-2].startswith(last)
    position.press(Key.HOME, page=page, rows=rows)
    assert position.first == 0


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 2), (20, 5), (80, 24), (200, 50)])
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_it_fits_every_terminal(columns: int, rows: int, count: int) -> None:
    tasks = [runs(f"build/massif-with-a-long-name@20261121.{index}") for index in range(count)]
    shown = board(*tasks, plan=many(count))
    lines = frame(shown, Position(), NOW, columns, rows, unicode=True)
    assert len(lines) <= rows
    for each in lines[6:]:
        assert columns_of(each) <= max(columns, 12) or "quit" in plain(each)


def test_hostile_names_keep_the_columns() -> None:
    plan = Situation()
    for text in HOSTILE:
        plan.task(text, start=5)
    lines = drawn(board(plan=plan), columns=80, rows=40)
    assert all(line.isprintable() for line in lines)
    assert {line[-3:] for line in lines[6 : 6 + len(HOSTILE)]} == {"100"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"away": True}, "The service is restarting"),
        ({"figures": FIGURES | {"Draining": True}}, "Drained: nothing further"),
    ],
)
def test_what_keeps_tasks_from_starting_is_said(change: dict[str, Any], said: str) -> None:
    shown = board()
    for name, value in change.items():
        setattr(shown, name, value)
    assert any(said in line for line in drawn(shown))


def test_a_frame_for_a_pipe_has_all_that_runs_and_some_of_what_waits() -> None:
    shown = board(*(runs(f"a@{index}") for index in range(60)), plan=many(100).task("z@1", start=5))
    lines = [plain(each) for each in once(shown, NOW, 80, unicode=False)]
    assert sum(line.startswith("a@") for line in lines) == 60
    assert lines[-1] == f"and {len(shown.upcoming) - 20} more"
    assert not any("quit" in line for line in lines)


def test_names_leave_the_figures_beside_them_however_wide_the_terminal_is() -> None:
    [row] = [each for each in drawn(board(runs("massif@1")), columns=200) if each.startswith("massif@1")]
    assert len(row) < 160


def test_of_those_that_start_together_the_ninth_comes_before_the_tenth() -> None:
    s = Situation().task("a@1.10", start=5).task("a@1.9", start=5)
    assert [each.label for each in board(plan=s).upcoming] == ["a@1.9", "a@1.10"]
