# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.drawing.escape import ascii_only, ems, shorten, visible, xml


def test_markup_becomes_text() -> None:
    assert xml("""<b a="1" c='2'>&</b>""") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;&lt;/b&gt;"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x00", r"\x00"),
        ("\udcff", r"\udcff"),
        ("\ufffe", r"\ufffe"),
        ("a\u202eb", r"a\u202eb"),
    ],
)
def test_what_xml_forbids_or_nobody_sees_is_spelled_out(text: str, spelled: str) -> None:
    assert visible(text) == spelled


def test_marks_that_pile_up_on_one_letter_are_spelled_out() -> None:
    assert (
        visible("e\u0301\u0302\u0303 e" + "\u0301" * 5) == "e\u0301\u0302\u0303 e\u0301\u0301\u0301" + r"\u0301" * 2
    )


def test_letters_of_all_languages_stay() -> None:
    assert visible("größe 数据 🙂") == "größe 数据 🙂"


def test_ascii_only_spells_them_out() -> None:
    assert ascii_only("größe") == r"gr\xf6\xdfe"


def test_a_short_text_is_left_alone() -> None:
    assert shorten("massif@20261121.0", 17) == "massif@20261121.0"


def test_a_long_text_loses_its_middle_and_keeps_the_number_at_its_end() -> None:
    assert shorten("nightly/report/pages@20261121.17", 20, mark="..") == "nightly/re..61121.17"


@given(st.text(max_size=200), st.integers(min_value=4, max_value=60))
def test_a_shortened_text_is_not_wider_than_its_room(text: str, room: int) -> None:
    assert len(shorten(text, room)) <= room
    assert ems(shorten(text, room, ems)) <= room


def test_wide_characters_take_more_room() -> None:
    assert len(shorten("数" * 100, 20, ems)) < len(shorten("a" * 100, 20, ems))
