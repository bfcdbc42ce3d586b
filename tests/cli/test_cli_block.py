# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from sd_taskpacker.cli.block import Block
from sd_taskpacker.cli.canvas import line
from tests.cli.emulator import Grid


class Screen:
    """A block on a screen of any size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, columns: int = 40, rows: int = 10) -> None:
        self.grid = Grid(columns, rows)
        self._stream = io.StringIO()
        self.block = Block(self._stream, color=False)
        monkeypatch.setattr(self.block, "size", lambda: (self.grid.columns, self.grid.rows))

    def draw(self, *texts: str) -> str:
        self.block.draw([line(text) for text in texts])
        return self.shown()

    def shown(self) -> str:
        # A terminal begins a new line at its left edge (ONLCR).
        self.grid.feed(self._stream.getvalue().replace("\n", "\r\n"))
        self._stream.seek(0)
        self._stream.truncate()
        return self.grid.text()

    def say(self, text: str) -> None:
        self.block.clear()
        self.shown()
        self.grid.feed(f"{text}\r\n")


def joined(*lines: str) -> str:
    return "\n".join(lines)


@pytest.mark.parametrize("first", [("one",), ("one", "two", "three"), ()])
def test_a_drawing_takes_the_place_of_the_one_before(monkeypatch: pytest.MonkeyPatch, first: Sequence[str]) -> None:
    screen = Screen(monkeypatch)
    assert screen.draw(*first) == joined(*first)
    assert screen.draw("1", "2") == joined("1", "2")


def test_what_is_said_stands_above_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    screen.draw("working", "10%")
    screen.say("massif@1 failed")
    assert screen.draw("working", "20%") == joined("massif@1 failed", "working", "20%")


def test_a_cleared_block_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    screen.draw("working", "10%")
    screen.block.clear()
    screen.block.clear()
    assert screen.shown() == ""


def test_lines_are_cut_at_the_edge_and_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, columns=5)
    assert screen.draw("123456789", "世世世") == joined("1234", "世世")


def test_of_more_lines_than_rows_the_first_ones_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, rows=3)
    screen.draw("a", "b", "c", "d")
    assert screen.draw("a", "b", "c", "d") == joined("a", "b")


def test_a_terminal_that_became_narrower_has_broken_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, columns=20)
    screen.grid.feed("$ submit\r\n")
    screen.draw("0123456789", "abc")
    # As a terminal does that breaks its lines anew.
    screen.grid.columns = 6
    screen.grid.cells = [list("$ submit")[:6], list("it"), list("012345"), list("6789"), list("abc"), []]
    screen.grid.row = 5
    assert screen.draw("new") == joined("$ subm", "it", "new")


def test_a_terminal_that_is_gone_is_no_error() -> None:
    stream = io.StringIO()
    block = Block(stream, color=False)
    stream.close()
    block.draw([line("x")])
    block.clear()
