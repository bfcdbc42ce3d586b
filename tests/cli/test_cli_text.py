# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.cli.text import (
    age,
    escape,
    pad,
    rough_bytes,
    rough_span,
    shortened,
    table,
    timestamp,
    value,
    width,
)


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


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("massif@1", 8, "massif@1"),
        ("massif@20261121.0", 9, "mass…21.0"),
        ("世界世界世界", 7, "世…世界"),
        ("abc", 1, "a"),
        ("", 0, ""),
    ],
)
def test_what_is_too_long_is_shortened_in_the_middle(text: str, columns: int, shown: str) -> None:
    assert shortened(text, columns) == shown


@given(st.text().map(escape), st.integers(min_value=0, max_value=40))
def test_shortened_text_fits(text: str, columns: int) -> None:
    assert width(shortened(text, columns)) <= columns


def test_a_table_with_a_limit_shortens_its_widest_columns_only() -> None:
    rows = [("ID", "STATE", "UNIT"), ("massif@20261121.1234567", "running", "a-very-long-unit-name-here")]
    head, body = table(rows, limit=40)
    assert width(body) == 40
    assert "  running  " in body
    assert head.index("STATE") == body.index("running")


@given(st.lists(st.lists(st.text().map(escape), min_size=4, max_size=4), min_size=1), st.integers(38, 200))
def test_no_line_of_a_table_is_longer_than_its_limit(rows: list[list[str]], limit: int) -> None:
    assert max(map(width, table(rows, limit=limit))) <= limit


@given(st.lists(st.tuples(st.text().map(escape), st.text().map(escape)), min_size=1))
def test_a_table_that_fits_is_not_touched_by_a_limit(rows: list[tuple[str, str]]) -> None:
    assert table(rows, limit=10_000) == table(rows)


SECOND = 1_000_000
NOW = 1_795_258_385 * SECOND


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "now"), (-89, "89s ago"), (-90, "1min ago"), (300, "in 5min"), (-7200, "2h ago"), (-3 * 86400, "3d ago")],
)
def test_an_age_is_told_in_one_unit(seconds: int, shown: str) -> None:
    assert age(NOW + seconds * SECOND, NOW) == shown


def test_a_very_old_thing_still_has_an_age() -> None:
    assert [age(0, NOW), age((1 << 64) - 1, NOW)] == ["56y ago", "in 584885y"]


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0B"), (1023, "1023B"), (128 << 20, "128M"), ((2 << 30) + (300 << 20), "2.3G"), ((1 << 30) - 1, "1G")],
)
def test_a_rough_size_has_one_unit(size: int, shown: str) -> None:
    assert rough_bytes(size) == shown


def test_a_rough_span_has_two_units_or_one_below_a_second() -> None:
    assert [rough_span(usec) for usec in (5_400_000_123, 271_254, 0)] == ["1h 30min", "271ms", "0"]
