# SPDX-License-Identifier: LGPL-2.1-or-later
"""A few lines at the end of a terminal that are drawn over, again and again, below what scrolls by."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, TextIO

from sd_taskpacker.cli.canvas import Line, clipped, columns_of, painted
from sd_taskpacker.cli.terminal import size

_UP: Final = "\x1b[{}A"
_CLEAR_BELOW: Final = "\x1b[J"
_NO_WRAP: Final = "\x1b[?7l"
_WRAP: Final = "\x1b[?7h"


class Block:
    """Nothing else may write to the terminal while it stands there: `clear` first."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        self._stream = stream
        self._color = color
        self._widths: list[int] = []

    def size(self) -> tuple[int, int]:
        """(columns, rows) of the terminal now."""
        return size(self._stream)

    def draw(self, lines: Sequence[Line]) -> None:
        """Over what was drawn before. What has scrolled away cannot be: the last lines go."""
        columns, rows = self.size()
        shown = [clipped(each, columns - 1) for each in lines[: max(1, rows - 1)]]
        text = "".join(f"{painted(each, color=self._color)}\n" for each in shown)
        # One write, so that no half of a drawing is ever seen.
        self._write(f"{self._back(columns)}{_NO_WRAP}{text}{_WRAP}")
        self._widths = [columns_of(each) for each in shown]

    def clear(self) -> None:
        """Nothing of it is left; what is written next stands where it began."""
        if self._widths:
            self._write(self._back(self.size()[0]))
            self._widths = []

    def _back(self, columns: int) -> str:
        """To the first row of what was drawn. A terminal that became narrower has broken its lines into several."""
        rows = sum(max(1, -(-wide // max(1, columns))) for wide in self._widths)
        return f"\r{_UP.format(rows) if rows else ''}{_CLEAR_BELOW}"

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # A terminal that was closed sends SIGHUP; that ends us, not this.
            self._stream.write(text)
            self._stream.flush()
