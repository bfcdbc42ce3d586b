# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal to look at: a process on a pty, and what its screen shows. What it does not know fails the test."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.cli.standin import PATIENCE, ROOT

_ESCAPE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


@dataclass(slots=True)
class Grid:
    """A screen without wide characters; long lines are broken, as terminals do."""

    columns: int
    rows: int
    cells: list[list[str]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    modes: dict[str, bool] = field(default_factory=dict)
    kept: list[list[str]] | None = None
    """The usual screen while the alternate one is shown."""

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = _ESCAPE.match(text, at)
                assert match, f"an unknown sequence: {text[at : at + 12]!r}"
                self._control(*match.groups())
                at = match.end()
            else:
                self._put(text[at])
                at += 1

    def text(self) -> str:
        """What the last `rows` rows show."""
        return "\n".join("".join(row).rstrip() for row in self.cells[-self.rows :]).rstrip("\n")

    def _put(self, char: str) -> None:
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self._go(self.row + 1)
        elif char == "\a":
            pass
        else:
            if self.column >= self.columns:
                assert self.modes.get("7", True), "what is drawn is too wide"
                self._go(self.row + 1)
                self.column = 0
            row = self.cells[self.row]
            row += [" "] * (self.column + 1 - len(row))
            row[self.column] = char
            self.column += 1

    def _go(self, row: int) -> None:
        self.row = row
        while len(self.cells) <= row:
            self.cells.append([])

    def _control(self, private: str, arguments: str, final: str) -> None:
        match final:
            case "h" | "l" if private:
                self._mode(arguments, final == "h")
            case "A":
                self._go(max(0, self.row - int(arguments or 1)))
            case "H":
                self._go(0)
                self.column = 0
            case "J":
                del self.cells[self.row + 1 :]
                del self.cells[self.row][self.column :]
            case "K":
                del self.cells[self.row][self.column :]
            case "m":
                pass
            case _:
                raise AssertionError(f"an unknown sequence: {final}")

    def _mode(self, mode: str, on: bool) -> None:
        self.modes[mode] = on
        if mode == "1049" and on:
            self.kept, self.cells, self.row, self.column = self.cells, [[]], 0, 0
        elif mode == "1049" and self.kept is not None:
            self.cells, self.kept = self.kept, None
            self.row, self.column = len(self.cells) - 1, len(self.cells[-1])


@dataclass(slots=True)
class Terminal:
    process: asyncio.subprocess.Process
    grid: Grid
    keyboard: int
    modes_before: list[Any]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    raw: bytearray = field(default_factory=bytearray)

    def press(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.grid.columns, self.grid.rows = columns, rows
        if self.grid.kept is not None:
            self.grid.cells, self.grid.row, self.grid.column = [[]], 0, 0  # Whoever has all of it draws all of it.
        set_size(self.keyboard, columns, rows)

    async def until(self, shows: str | Callable[[Grid], bool]) -> str:
        """Waits until the screen shows it -> the screen."""
        seen = (lambda grid: shows in grid.text()) if isinstance(shows, str) else shows
        async with asyncio.timeout(PATIENCE):
            while not seen(self.grid):
                assert not self.closed, f"it ended without showing {shows}:\n{self.grid.text()}"
                self.changed.clear()
                await self.changed.wait()
        return self.grid.text()

    async def end(self) -> int:
        """The exit status, when all it wrote has been read. What the terminal's modes are afterwards is checked."""
        async with asyncio.timeout(PATIENCE):
            status = await self.process.wait()
            while not self.closed:
                self.changed.clear()
                await self.changed.wait()
        assert self.grid.modes.get("1049", False) is False
        assert self.grid.modes.get("25", True)
        assert self.grid.modes.get("7", True)
        return status


def set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@asynccontextmanager
async def on_terminal(
    address: str, *arguments: str, columns: int = 80, rows: int = 24, **environment: str
) -> AsyncIterator[Terminal]:
    """`taskpackerctl --user ARGUMENTS` in a terminal of its own. It is as it was when the process has ended."""
    ours, theirs = pty.openpty()
    set_size(ours, columns, rows)
    before = termios.tcgetattr(theirs)
    env = {key: text for key, text in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    env |= {"DBUS_SESSION_BUS_ADDRESS": address, "TZ": "UTC", "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    command = (sys.executable, "-m", "sd_taskpacker", "--user", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=env | {"PYTHONUTF8": "1"} | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # The session's own terminal, so that Ctrl-C and a hang-up are signals.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    shown = Terminal(process, Grid(columns, rows), ours, before)
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:  # EIO: nobody has the other side open.
            data = b""
        if data:
            shown.raw += data
            shown.grid.feed(data.decode())
        else:
            shown.closed = True
            loop.remove_reader(ours)
        shown.changed.set()

    # Held open until the process has ended, so that its modes can be compared.
    loop.add_reader(ours, read)
    watcher = asyncio.create_task(_close_after(process, theirs, shown))
    try:
        yield shown
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await watcher
        loop.remove_reader(ours)
        os.close(ours)


async def _close_after(process: asyncio.subprocess.Process, theirs: int, shown: Terminal) -> None:
    await process.wait()
    modes = termios.tcgetattr(theirs)
    os.close(theirs)
    assert modes == shown.modes_before, f"the terminal's modes are not as they were: {modes}"
