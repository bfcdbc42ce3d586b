# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command that somebody types: a shell reads it, on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import Final

SIZE: Final = 50, 200
"""Rows and columns: nothing that a test looks for is broken into lines."""
INTERRUPT: Final = b"\x03"
_ESCAPE: Final = re.compile(r"\x1b(\[[?0-9;]*[A-Za-z]|[78=>(][B0]?)")


class Typed:
    """What it has printed so far can be looked at while it runs."""

    def __init__(self, process: Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self._printed = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        """Without what moves the cursor or paints."""
        return _ESCAPE.sub("", self._printed.decode(errors="replace")).replace("\r\n", "\n")

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> int:
        """Its exit status, when it has ended and all it printed was read; 128 + signal when it was killed."""
        status = self._process.wait()
        self._reader.join()
        return status if status >= 0 else 128 - status

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read(self) -> None:
        # A terminal ends with EIO when nobody has its other side any more.
        try:
            while data := os.read(self._terminal, 1 << 16):
                self._printed += data
        except OSError:
            return


@contextmanager
def typed(text: str, directory: Path) -> Iterator[Typed]:
    """It goes on no longer than the block, however that ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
    process = Popen(
        ["setsid", "--ctty", "bash", "-c", text],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=directory,
        env=environment,
    )
    os.close(theirs)
    command = Typed(process, ours)
    try:
        yield command
    finally:
        command.kill()
        os.close(ours)
