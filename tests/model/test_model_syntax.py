# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.syntax import MAX_BYTES, Document, parse


def read(*lines: str) -> Document:
    return parse("t.batch", "\n".join(lines))


def pairs(document: Document) -> list[tuple[str, str, str]]:
    return [(one.section, one.key, one.value) for one in document.assignments]


def messages(document: Document) -> list[str]:
    return [f"{problem.line}: {problem.message}" for problem in document.problems]


def test_reads_sections_and_assignments_with_their_lines() -> None:
    document = read("[Batch]", "Exec=/bin/true", "", "[Service]", "  Nice = 5 ")
    assert [(one.section, one.key, one.value, one.line) for one in document.assignments] == [
        ("Batch", "Exec", "/bin/true", 2),
        ("Service", "Nice", "5", 5),
    ]
    assert not document.problems


def test_keeps_repeated_keys_and_empty_assignments_in_order() -> None:
    document = read("[A]", "k=1", "k=", "k=2")
    assert [one.value for one in document.assignments] == ["1", "", "2"]


def test_each_header_begins_an_instance_of_its_own() -> None:
    document = read("[Parameter]", "Name=a", "[Parameter]", "Name=b")
    assert [one.section_index for one in document.assignments] == [0, 1]
    assert [section.line for section in document.sections] == [1, 3]


def test_only_the_first_equals_sign_separates() -> None:
    assert pairs(read("[A]", "k=a=b")) == [("A", "k", "a=b")]


@pytest.mark.parametrize("comment", ["# x", "; x", "   # x=y", "# ends in a backslash \\"])
def test_comments_are_left_out(comment: str) -> None:
    assert pairs(read("[A]", comment, "k=1")) == [("A", "k", "1")]


def test_a_continuation_is_joined_by_a_space_and_skips_comments() -> None:
    document = read("[A]", "k=one\\", "# between", "; and another", "two \\", "three", "m=1")
    assert pairs(document) == [("A", "k", "one two  three"), ("A", "m", "1")]
    assert [one.line for one in document.assignments] == [2, 7]


def test_a_blank_line_ends_a_continuation() -> None:
    assert pairs(read("[A]", "k=one \\", "", "m=1")) == [("A", "k", "one"), ("A", "m", "1")]


def test_an_escaped_backslash_at_the_end_does_not_continue() -> None:
    assert pairs(read("[A]", "k=one\\\\", "m=1")) == [("A", "k", "one\\\\"), ("A", "m", "1")]


def test_a_continuation_at_the_end_of_the_file_is_kept() -> None:
    assert pairs(read("[A]", "k=one \\")) == [("A", "k", "one")]


def test_crlf_and_a_byte_order_mark_are_tolerated() -> None:
    document = parse("t", b"\xef\xbb\xbf[A]\r\nk=1 \\\r\n2\r\n")
    assert pairs(document) == [("A", "k", "1  2")]
    assert not document.problems


def test_every_bad_line_is_a_problem_with_its_number() -> None:
    document = read("early=1", "[A]", "nonsense", "=value", "[Open", "k=1", "[]")
    assert messages(document) == [
        "1: 'early' stands before any [Section]",
        "3: 'nonsense' is neither Key=value nor a [Section]; a comment begins with #",
        "4: there is no key before the =",
        "5: section header '[Open' has no closing ]",
        "7: a section header needs a name between [ and ]",
    ]
    assert pairs(document) == [("Open", "k", "1")]


@pytest.mark.parametrize("key", ["\x1b[2J", "k" * 101, "a\u202eb"])
def test_a_key_that_cannot_be_shown_is_a_problem(key: str) -> None:
    document = read("[A]", f"{key}=1")
    assert "cannot be a key" in messages(document)[0]
    assert messages(document)[0].isprintable()
    assert not document.assignments


def test_a_nul_byte_is_named_with_its_line() -> None:
    document = parse("t", b"[A]\r\nk=\0\n")
    assert messages(document) == ["2: holds a NUL byte; this is not a text file"]
    assert not document.assignments


def test_bytes_that_are_not_utf8_are_named_with_their_line() -> None:
    assert messages(parse("t", b"[A]\n\nk=\xff")) == ["3: is not UTF-8 (byte 0xff); save the file as UTF-8"]


def test_an_oversized_file_is_refused() -> None:
    assert "is larger than 1 MiB" in messages(parse("t", b"#" * (MAX_BYTES + 1)))[0]
    assert not parse("t", b"#" * MAX_BYTES).problems


def test_a_long_line_is_shown_short() -> None:
    assert len(messages(read("[A]", "x" * 100_000))[0]) < 200


@given(st.binary(max_size=200))
def test_no_input_raises(text: bytes) -> None:
    document = parse("t", text)
    assert all(one.key and one.section_index < len(document.sections) for one in document.assignments)


@given(st.lists(st.text(alphabet="ab[]=#;\\ \n\r\t", max_size=12), max_size=12))
def test_no_assignment_points_behind_its_text(lines: list[str]) -> None:
    text = "\n".join(lines)
    physical = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in parse("t", text).assignments:
        assert one.key[0] in "".join(physical[one.line - 1 :])
