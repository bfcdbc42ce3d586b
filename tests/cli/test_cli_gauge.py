# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gauges, and what the terminal is said to be able to do."""

from __future__ import annotations

import io

import pytest

from sd_taskpacker.cli.gauge import gauge
from sd_taskpacker.cli.terminal import terminal


@pytest.mark.parametrize(
    ("used", "total", "shown"),
    [
        (0, 32, "[........]"),
        (16, 32, "[####....]"),
        (1, 1000, "[#.......]"),
        (999, 1000, "[#######.]"),
        (32, 32, "[########]"),
        (40, 32, "[#######!]"),
        (0, 0, "[........]"),
    ],
)
def test_a_gauge_is_empty_or_full_only_when_it_is_so(used: int, total: int, shown: str) -> None:
    assert gauge(used, total, 10, unicode=False) == shown
    assert len(gauge(used, total, 10, unicode=True)) == 10


def test_a_file_has_no_colours_and_is_not_drawn_over() -> None:
    place = terminal(io.StringIO(), {"TERM": "xterm"})
    assert (place.color, place.live) == (False, False)


def test_an_encoding_without_blocks_gets_ascii() -> None:
    assert not terminal(io.TextIOWrapper(io.BytesIO(), encoding="ascii"), {}).unicode
    assert terminal(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {}).unicode


def test_a_stream_that_was_closed_can_do_nothing() -> None:
    place = terminal(None, {"TERM": "xterm"})
    assert (place.color, place.live, place.unicode) == (False, False, False)


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ({"LANG": "C.UTF-8"}, True),
        ({}, True),
    ],
)
def test_who_wants_ascii_gets_it_though_python_has_more(environ: dict[str, str], unicode: bool) -> None:
    assert terminal(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), environ).unicode is unicode
