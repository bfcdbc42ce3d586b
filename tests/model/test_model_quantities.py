# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.quantities import (
    CHUNK_BYTES,
    INFINITY,
    MAX_CHUNKS,
    SIZES,
    chunks_for,
    format_bytes,
    format_span,
    parse_bytes,
    parse_size,
    parse_span,
)


@given(st.integers(0, INFINITY - 1))
def test_bytes_are_read_back_as_printed(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == size


@given(st.integers(0, INFINITY))
def test_spans_are_read_back_as_printed(usec: int) -> None:
    assert parse_span(format_span(usec)) == usec


@given(st.integers(0, MAX_CHUNKS * CHUNK_BYTES))
def test_chunks_hold_the_bytes_and_no_chunk_is_empty(size: int) -> None:
    chunks = chunks_for(size)
    assert chunks * CHUNK_BYTES >= size > (chunks - 1) * CHUNK_BYTES


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1", 1),
        ("1K", 1024),
        ("384M", 384 << 20),
        ("1.5G", 1536 << 20),
        (" 2G ", 2 << 30),
        ("15E", 15 << 60),
    ],
)
def test_bytes_have_base_1024(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "1.5.5M", "1X", "16E", "0x10", "1e3", "٣M", "9" * 5000, "1G 1M"])
def test_bad_bytes_are_refused_with_a_short_message(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size|larger than any memory") as caught:
        parse_bytes(text)
    assert len(str(caught.value)) < 200


def test_sizes_have_names_and_amounts() -> None:
    assert [parse_size(name) for name in SIZES] == [1, 4, 8, 32]
    assert parse_size("1") == 1
    assert parse_size("33M") == 2


@pytest.mark.parametrize("text", ["0", "huge", "Small", "", "8E", "\x1b[2J", "x" * 10_000])
def test_bad_sizes_are_refused_with_a_short_printable_message(text: str) -> None:
    with pytest.raises(ValueError, match="memory|is not a size") as caught:
        parse_size(text)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "usec"),
    [
        ("0", 0),
        ("90", 90_000_000),
        ("1.5s", 1_500_000),
        ("1h 30min", 5_400_000_000),
        ("1h30min", 5_400_000_000),
        ("250ms", 250_000),
        ("5us 3µs", 8),
        ("1M", 2_629_800_000_000),
        ("infinity", INFINITY),
    ],
)
def test_spans_are_spelled_as_in_systemd_time(text: str, usec: int) -> None:
    assert parse_span(text) == usec


@pytest.mark.parametrize(
    "text", ["", " ", "s", "-1s", "1 fortnight", "1,5s", "9" * 5000, "1s x", "infinity 1s", "٣s"]
)
def test_bad_spans_are_refused_with_a_short_message(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time span") as caught:
        parse_span(text)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=30))
def test_any_text_is_a_span_and_a_size_or_a_value_error(text: str) -> None:
    for parse in (parse_span, parse_bytes, parse_size):
        with contextlib.suppress(ValueError):
            assert 0 <= parse(text) <= INFINITY
