# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.cli.text import escape, pad, table, timestamp, value, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("build@1", "build@1"),
        ("Grüße, 世界", "Grüße, 世界"),
        ("\x1b[31mred\n", r"\x1b[31mred\n"),
        ("\x7f\x9b", r"\x7f\x9b"),
        ("a\u202etxt.exe", r"a\u202etxt.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_escape_spells_out_what_would_drive_a_terminal(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text())
def test_escaped_text_is_one_line_that_any_utf8_terminal_takes(text: str) -> None:
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert escape(shown) == shown


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("世界", 4), ("e\u0301", 1), ("ｗ", 2), ("", 0)])
def test_width_counts_columns_and_not_characters(text: str, columns: int) -> None:
    assert width(text) == columns


@given(st.lists(st.tuples(st.text().map(escape), st.just("|")), min_size=1))
def test_the_second_column_of_a_table_starts_at_the_same_place_in_every_line(rows: list[tuple[str, str]]) -> None:
    assert len({width(line.rpartition("|")[0]) for line in table(rows)}) == 1


def test_pad_fills_up_to_columns() -> None:
    assert pad("世", 4) + "|" == "世  |"


def test_a_timestamp_reads_as_systemd_prints_it() -> None:
    assert timestamp(0).startswith(("Thu 1970-01-01", "Wed 1969-12-31"))


def test_a_time_beyond_the_calendar_is_shown_as_its_number() -> None:
    assert timestamp((1 << 64) - 1) == str((1 << 64) - 1)


def test_values_are_spelled_as_systemctl_show_does() -> None:
    assert [value(True), value([1, 2]), value({"a": "b"}), value("x")] == ["yes", "1 2", "a=b", "x"]
