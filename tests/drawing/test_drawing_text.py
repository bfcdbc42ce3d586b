# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.drawing import as_text
from sd_taskpacker.drawing.as_text import WIDTH
from sd_taskpacker.model.quantities import MAX_CHUNKS
from sd_taskpacker.model.unit import Kind
from tests.drawing.situations import Situation, hostile, many, overcommitted, small


def lines_of(situation: Situation) -> list[str]:
    return as_text.render(situation.view()).splitlines()


def row_of(situation: Situation, label: str) -> str:
    [row] = [line for line in lines_of(situation) if line.startswith(label)]
    return row


@given(st.text(max_size=300))
def test_no_label_makes_a_line_too_long_or_is_more_than_ascii(label: str) -> None:
    s = Situation().task(label, start=-9).task(label, start=9, end=90, deadline=20).without_place(label, label, label)
    for line in lines_of(s):
        assert len(line) <= WIDTH
        assert line.isascii()
        assert line.isprintable()


def test_large_amounts_do_not_either() -> None:
    s = Situation(chunks=MAX_CHUNKS, cpus=MAX_CHUNKS).task("a", start=-9, chunks=MAX_CHUNKS, cpus=MAX_CHUNKS)
    assert max(map(len, lines_of(s))) <= WIDTH


def test_hostile_labels_do_not_drive_the_terminal() -> None:
    assert "\x1b" not in as_text.render(hostile().view())


def test_every_task_has_a_bar_of_its_own_letter() -> None:
    s = (
        Situation()
        .task("workorder", start=-60, kind=Kind.WORKORDER)
        .task("batch", start=-60)
        .task("overdue", start=-60, overdue=True)
        .task("planned", start=10)
        .task("later", start=10, kind=Kind.WORKORDER)
    )
    bars = {label: row_of(s, label) for label in ("workorder", "batch", "overdue", "planned", "later")}
    assert "WWWW" in bars["workorder"]
    assert "####" in bars["batch"]
    assert "%%%%" in bars["overdue"]
    assert "----" in bars["planned"]
    assert "wwww" in bars["later"]


def test_a_row_says_what_the_task_takes() -> None:
    assert row_of(small(), "compress@20261121.7").split()[:3] == ["compress@20261121.7", "4G", "2"]


def test_now_is_marked() -> None:
    assert "|" in row_of(small(), "compress@20261121.7")
    assert any("|now" in line for line in lines_of(small()))


def test_deadlines_and_latest_starts_are_marked() -> None:
    row = row_of(small(), "compress@20261121.7")
    assert ">" in row
    assert "D" in row


def test_what_is_unusual_is_said() -> None:
    assert "overdue" in row_of(small(), "build/massif@20261121.1")
    assert "late by 5min" in row_of(small(), "load@20261121.12")


def test_the_stack_is_as_high_as_the_budget_is_full() -> None:
    s = Situation(chunks=6, cpus=8).task("a", start=-60, chunks=3, cpus=8)
    assert sum("####" in line for line in lines_of(s)) == 3 + 6 + 1


def test_what_is_above_the_budget_is_crossed_out() -> None:
    lines = lines_of(overcommitted())
    assert any("above the budget" in line and "XXXX" in line for line in lines)
    assert not any("XXXX" in line for line in lines_of(small()))


def test_what_has_no_place_is_listed_with_its_reasons() -> None:
    lines = lines_of(Situation().without_place("huge", "needs 16G", "needs 9 CPUs"))
    assert "Without a place: 1" in lines
    assert f"{'huge':<28} needs 16G; needs 9 CPUs" in lines


def test_nothing_to_do_is_said() -> None:
    assert lines_of(Situation())[1:] == ["Nothing runs, nothing waits.", "", "Memory: 8G free", "CPUs:   8 free"]


def test_of_many_tasks_the_rest_is_counted() -> None:
    lines = lines_of(many(5_000))
    assert len(lines) < 100
    assert any(line.endswith("tasks more") for line in lines)


def test_it_is_deterministic() -> None:
    assert lines_of(many(300)) == lines_of(many(300))
