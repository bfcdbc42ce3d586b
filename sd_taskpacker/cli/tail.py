# SPDX-License-Identifier: LGPL-2.1-or-later
"""The end of a file, and what is appended to it. Nothing that a task puts in the file's place is waited for or
followed to somewhere else.

There is no waiting here: who follows a file looks again after a moment. Python has no inotify, and a file system that
has none either (NFS, FUSE) would need the second look all the same; tail(1) does it so where inotify is missing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_BLOCK: Final = 1 << 16
_MOST: Final = 256 << 10


class Tail:
    """Not there yet is no mistake. Everything else that keeps us from reading is told once."""

    def __init__(self, path: str, *, lines: int | None = None) -> None:
        """`lines`: begin with the last so many, instead of with everything."""
        self.path = path
        self._lines = lines
        self._descriptor: int | None = None
        self._told = ""

    def more(self) -> tuple[bytes, str]:
        """(what is new, what is wrong); both empty where there is nothing new now."""
        if self._descriptor is None:
            return b"", self._open()
        try:
            data = os.read(self._descriptor, _BLOCK)
            return data, "" if data else self._moved_on(self._descriptor)
        except OSError as error:
            return b"", self._once(f"{self.path} cannot be read: {error.strerror}")

    def rest(self) -> Iterator[tuple[bytes, str]]:
        """All there is now."""
        while True:
            opened = self._descriptor is not None
            data, wrong = self.more()
            if self._descriptor is None and not opened and not wrong:
                wrong = self._once(f"{self.path} is not there")
            yield data, wrong
            if not data and (opened or self._descriptor is None):
                return

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> str:
        try:
            self._descriptor = open_regular(self.path)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return self._once(f"{self.path} cannot be read: {error.strerror}")
        if self._lines is not None:
            os.lseek(self._descriptor, beginning_of_last(self._descriptor, self._lines), os.SEEK_SET)
            self._lines = None  # Of a file that takes its place, everything is new.
        return ""

    def _moved_on(self, descriptor: int) -> str:
        """At the end of the file: whether it is still the one of that name, and as long as it was."""
        ours = os.fstat(descriptor)
        try:
            there = os.lstat(self.path)
        except FileNotFoundError:
            self.close()
            return f"{self.path} was removed"
        except OSError as error:
            return self._once(f"{self.path} cannot be looked at: {error.strerror}")
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            self.close()
            return f"{self.path} was replaced; this is the new one"
        if ours.st_size < os.lseek(descriptor, 0, os.SEEK_CUR):
            os.lseek(descriptor, 0, os.SEEK_SET)
            return f"{self.path} was cut short; this is its new beginning"
        return ""

    def _once(self, text: str) -> str:
        if text == self._told:
            return ""
        self._told = text
        return text


def last_lines(path: str, lines: int) -> list[str]:
    """The end of what may be huge and hold anything, at most _MOST bytes of it: whoever writes longer lines sees
    their ends. Raises OSError."""
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        text = os.pread(descriptor, _MOST, max(0, size - _MOST)).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
    return text.removesuffix("\n").split("\n")[-lines:] if text and lines else []


def open_regular(path: str) -> int:
    """A descriptor to read from. Raises OSError, also for a link, a pipe or a device: none of them is what the
    service put there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
    os.close(descriptor)
    raise OSError(0, "it is not a regular file")


def beginning_of_last(descriptor: int, lines: int) -> int:
    """The offset at which the last `lines` lines begin; reads no more than these."""
    if not lines:
        return os.fstat(descriptor).st_size
    end = position = os.fstat(descriptor).st_size
    wanted = lines
    while position > 0:
        start = max(0, position - _BLOCK)
        block = os.pread(descriptor, position - start, start)
        for index in _newlines_backwards(block):
            if start + index == end - 1:
                continue  # It ends the last line, and begins none.
            wanted -= 1
            if not wanted:
                return start + index + 1
        position = start
    return 0


def _newlines_backwards(block: bytes) -> Iterator[int]:
    index = block.rfind(b"\n")
    while index >= 0:
        yield index
        index = block.rfind(b"\n", 0, index)
