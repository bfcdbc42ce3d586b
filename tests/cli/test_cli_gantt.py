# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.cli.canvas import Style, columns_of, plain
from sd_taskpacker.cli.gantt import chart
from sd_taskpacker.cli.lanes import Brush
from sd_taskpacker.model.unit import Kind
from tests.drawing.situations import Situation, hostile, many, overcommitted, small

COLOR = Brush(unicode=True, color=True)
SHADES = Brush(unicode=True, color=False)
ASCII = Brush(unicode=False, color=False)


def drawn(situation: Situation, columns: int = 120, rows: int = 40, brush: Brush = SHADES) -> list[str]:
    return [plain(each).rstrip() for each in chart(situation.view(), columns, rows, brush)]


def row_of(situation: Situation, label: str, columns: int = 120, brush: Brush = SHADES) -> str:
    [row] = [line for line in drawn(situation, columns, brush=brush) if line.startswith(label)]
    return row


@pytest.mark.parametrize("columns", [1, 20, 80, 200])
@pytest.mark.parametrize("brush", [COLOR, SHADES, ASCII])
@pytest.mark.parametrize("make", [Situation, small, overcommitted, hostile, lambda: many(1000)])
def test_no_line_is_wider_than_the_terminal(make: type[Situation], brush: Brush, columns: int) -> None:
    for each in chart(make().view(), columns, 24, brush):
        assert columns_of(each) <= columns
        assert plain(each).isprintable()


@given(st.text(max_size=100))
def test_every_name_keeps_the_chart_in_its_place(label: str) -> None:
    s = Situation().task("plain", start=-9, end=90).task(label, start=-9, end=90)
    first, second = [each for each in chart(s.view(), 120, 40, ASCII) if "####" in plain(each)][-2:]
    assert columns_of(first) == columns_of(second)


@pytest.mark.parametrize("rows", [24, 50])
def test_of_many_tasks_as_many_are_shown_as_the_terminal_has_rows(rows: int) -> None:
    lines = drawn(many(5_000), rows=rows)
    assert len(lines) == rows - 1
    assert sum(line.endswith("tasks more") for line in lines) == 2


@pytest.mark.parametrize("rows", [24, 30, 50])
@pytest.mark.parametrize("make", [small, overcommitted, lambda: many(5_000), lambda: many(8)])
def test_the_title_stays_on_the_screen(make: type[Situation], rows: int) -> None:
    lines = drawn(make(), columns=80, rows=rows)
    assert len(lines) < rows
    assert any("running" in line or "Running" in line for line in lines)


def test_without_colours_shades_tell_what_is_what() -> None:
    s = (
        Situation()
        .task("workorder", start=-60, kind=Kind.WORKORDER)
        .task("batch", start=-60)
        .task("overdue", start=-60, overdue=True)
        .task("planned", start=10)
    )
    for label, shade, letter in (
        ("workorder", "▓", "W"),
        ("batch", "█", "#"),
        ("overdue", "▒", "%"),
        ("planned", "░", "-"),
    ):
        assert shade * 8 in row_of(s, label)
        assert letter * 8 in row_of(s, label, brush=ASCII)
    assert all(line.isascii() for line in drawn(s, brush=ASCII))


def test_with_colours_a_bar_ends_within_a_cell() -> None:
    s = Situation().task("a", start=-10, end=100).task("b", start=-10, end=103).task("c", start=-10, end=900)
    assert row_of(s, "a ", brush=COLOR) != row_of(s, "b ", brush=COLOR)
    styles = {span.style for each in chart(small().view(), 120, 40, COLOR) for span in each if "█" in span.text}
    assert {Style.WORKORDER, Style.BATCH, Style.OVERDUE, Style.PLANNED} <= styles


def test_now_deadline_and_latest_start_are_marked() -> None:
    row = row_of(small(), "compress@20261121.7")
    assert row.index("│") < row.index("░") < row.index("▷") < row.index("◆")


def test_what_is_unusual_is_said() -> None:
    assert "overdue" in row_of(small(), "build/massif@20261121.1", columns=130)
    assert "late by 5min" in row_of(small(), "load@20261121.12")


def test_a_wide_terminal_tells_the_times_in_words() -> None:
    assert row_of(small(), "compress@20261121.7", columns=200).split()[1:8] == "4G 2 in 6min in 18min 20s".split()
    assert "in 6min" not in row_of(small(), "compress@20261121.7", columns=120)


def test_the_stack_is_as_high_as_the_budget_is_full() -> None:
    s = Situation(chunks=6, cpus=8).task("a", start=-60, chunks=3, cpus=8)
    assert sum("████" in line for line in drawn(s)) == 3 + 6 + 1


def test_what_is_above_the_budget_is_crossed_out() -> None:
    lines = drawn(overcommitted())
    assert any(line.startswith("above the budget") and "XXXX" in line for line in lines)
    assert not any("XXXX" in line for line in drawn(small()))


def test_what_has_no_place_is_listed_with_its_reasons() -> None:
    lines = drawn(Situation().without_place("huge", "needs 16G", "needs 9 CPUs"))
    assert lines[-2:] == ["Without a place: 1", f"{'huge':<24} needs 16G; needs 9 CPUs"]


def test_of_an_empty_queue_the_room_is_told() -> None:
    assert drawn(Situation())[1:] == ["Nothing runs, nothing waits.", "", "Memory: 8G free", "CPUs:   8 free"]


def test_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        lines = drawn(small())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert lines[0] == "Plan at Sat 2026-11-21 15:00:23 CET"
    assert [each.split()[:2] for each in lines if each.lstrip().startswith("CET")] == [["CET", "|15:00"]]
