# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.cli.canvas import Span, Style, clipped, columns_of, fitted, line, painted, plain, safe
from sd_taskpacker.cli.text import width

SHORTENED = "build/mas…1121.0"


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("massif", 8, "massif  "),
        ("massif", 6, "massif"),
        ("build/massif@20261121.0", 16, SHORTENED),
        ("数据处理", 8, "数据处理"),
        ("数据处理", 7, "数据…理"),
        ("数据处理", 6, "数…理 "),
        ("massif", 1, "m"),
        ("massif", 0, ""),
    ],
)
def test_a_text_takes_exactly_its_columns(text: str, columns: int, shown: str) -> None:
    assert fitted(text, columns) == shown


@given(st.text(max_size=100), st.integers(0, 60))
def test_whatever_the_text_is(text: str, columns: int) -> None:
    assert width(fitted(safe(text), columns)) == columns


@given(st.lists(st.text(max_size=30), max_size=4), st.integers(0, 60))
def test_a_clipped_line_is_never_wider_and_else_unchanged(texts: list[str], columns: int) -> None:
    whole = line(*map(safe, texts))
    cut = clipped(whole, columns)
    assert columns_of(cut) <= columns
    assert plain(whole).startswith(plain(cut))
    assert columns_of(whole) > columns or cut == whole


def test_numbers_stand_at_the_right() -> None:
    assert fitted("12", 5, right=True) == "   12"


def test_foreign_text_drives_no_terminal() -> None:
    assert safe("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert len(safe("x" * 1_000_000)) == 1000


def test_without_colours_nothing_but_the_text_is_left() -> None:
    shown = line("a ", Span("b", Style.BAD), " c")
    assert painted(shown, color=False) == plain(shown) == "a b c"
    assert painted(shown, color=True) == "a \x1b[1;31mb\x1b[0m c"
