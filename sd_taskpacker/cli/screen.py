# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole terminal for a while. Whatever ends us short of SIGKILL, it is left as it was found."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TextIO

from sd_taskpacker.cli.canvas import Line, clipped, columns_of, painted
from sd_taskpacker.cli.keys import Key, keys_of
from sd_taskpacker.cli.terminal import size

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_TOP: Final = "\x1b[H"
_CLEAR_RIGHT: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Screen:
    """The alternate screen, which has no history: what was there before is there afterwards.

    As a context manager on the event loop. `on_key` gets keys as they are pressed, `on_resize` is called after a new
    size and after a stop (Ctrl-Z). A signal that would end us cancels the task that entered; `ended_by` is which.
    """

    def __init__(
        self, stream: TextIO, *, color: bool, on_key: Callable[[Key], None], on_resize: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._color = color
        self._on_key = on_key
        self._on_resize = on_resize
        self._keyboard = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._modes: list[Any] | None = None
        self._begun = b""
        self._shown = ""
        self.ended_by: signal.Signals | None = None

    def size(self) -> tuple[int, int]:
        """(columns, rows)."""
        return size(self._stream)

    def draw(self, lines: Sequence[Line]) -> None:
        """From the top; what does not fit is left out. Raises OSError when the terminal is gone."""
        columns, rows = self.size()
        text = _TOP + "\r\n".join(self._row(clipped(each, columns), columns) for each in lines[:rows])
        if len(lines) < rows:
            text += f"\r\n{_CLEAR_BELOW}"
        if text != self._shown:
            self._shown = text
            self._write(text)

    def _row(self, shown: Line, columns: int) -> str:
        # At the end of a full row the cursor stands on its last cell, and would clear that.
        rest = _CLEAR_RIGHT if columns_of(shown) < columns else ""
        return painted(shown, color=self._color) + rest

    def __enter__(self) -> Self:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for each in _ENDING:
            loop.add_signal_handler(each, self._end, each, task)
        loop.add_signal_handler(signal.SIGWINCH, self._redraw)
        loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._take()
        if self._keyboard is not None:
            loop.add_reader(self._keyboard, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()
        loop = asyncio.get_running_loop()
        if self._keyboard is not None:
            loop.remove_reader(self._keyboard)
        for each in (*_ENDING, signal.SIGWINCH, signal.SIGTSTP):
            loop.remove_signal_handler(each)

    def _take(self) -> None:
        if self._keyboard is not None:
            self._modes = termios.tcgetattr(self._keyboard)
            # Keys one by one and unseen; Ctrl-C and Ctrl-Z stay signals.
            tty.setcbreak(self._keyboard)
        self._shown = ""
        self._write(_ENTER)

    def _give_back(self) -> None:
        with suppress(OSError):
            self._write(_LEAVE)
        if self._keyboard is not None and self._modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._modes)

    def _end(self, by: signal.Signals, task: asyncio.Task[Any]) -> None:
        self.ended_by = by
        task.cancel()

    def _redraw(self) -> None:
        self._shown = ""
        self._on_resize()

    def _stop(self) -> None:
        """Ctrl-Z: the shell needs its terminal. What follows the kill happens after `fg`."""
        loop = asyncio.get_running_loop()
        self._give_back()
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._take()
        self._redraw()

    def _read(self) -> None:
        assert self._keyboard is not None
        try:
            data = os.read(self._keyboard, 1024)
        except OSError:
            data = b""
        if not data:  # The terminal was closed; SIGHUP follows, or has been ignored by who started us.
            asyncio.get_running_loop().remove_reader(self._keyboard)
            self._on_key(Key.QUIT)
            return
        keys, self._begun = keys_of(self._begun + data)
        for key in keys:
            self._on_key(key)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
