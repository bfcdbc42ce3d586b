# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.cli.keys import Key, keys_of


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", [Key.QUIT]),
        (b"\x1b[A\x1bOB", [Key.UP, Key.DOWN]),
        (b"\x1b[5~\x1b[6~", [Key.PAGE_UP, Key.PAGE_DOWN]),
        (b"\x1b[1;5Cs", [Key.SORT]),
        (b"\x1b\x1b[Bx", [Key.DOWN]),
        ("世s".encode(), [Key.SORT]),
    ],
)
def test_keys_are_known_and_others_passed_over(data: bytes, keys: list[Key]) -> None:
    assert keys_of(data) == (keys, b"")


@pytest.mark.parametrize("data", [b"\x1b[A", b"\x1b[6~", b"\x1bOA"])
def test_a_key_may_come_in_pieces(data: bytes) -> None:
    for cut in range(1, len(data)):
        none, begun = keys_of(data[:cut])
        assert none == []
        assert keys_of(begun + data[cut:]) == keys_of(data)


@given(st.binary(max_size=40))
def test_no_garbage_stops_the_keyboard(data: bytes) -> None:
    _, begun = keys_of(data)
    assert len(begun) <= 16
    keys, begun = keys_of(begun + b"~~~q")
    assert (keys[-1], begun) == (Key.QUIT, b"")
