# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether nobody but root can change what a path leads to: the file, every directory and every link on the way.

What runs is what a unit file says; so whoever can write one, or put another in its place, is as good as root.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from typing import Final

ROOT: Final = 0
MAX_LINKS: Final = 40
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class Trust:
    """What was found of a directory is kept, for the files in it: make one for each look at the disk."""

    def __init__(self, owner: int = ROOT) -> None:
        """`owner`: whose files are trusted beside root's, for tests that are not root's."""
        self._owners = {ROOT, owner}
        self._directories: dict[str, str | None] = {}

    def flaw(self, path: str) -> str | None:
        """What is wrong, and what to do about it; None when all is well. Something missing is no flaw. `path` is
        absolute; with `/.` at its end it is about a directory."""
        left, at = deque(_parts(path)), "/"
        links = 0
        while left and links <= MAX_LINKS:  # Whoever opens a link that leads back to itself is told so.
            if found := self._of_directory(at):
                return found
            inside = os.path.normpath(os.path.join(at, left.popleft()))
            try:
                status = os.lstat(inside)
                target = os.readlink(inside) if stat.S_ISLNK(status.st_mode) else None
            except OSError:
                return None  # Whoever opens it is told why he cannot.
            if target is None:
                if not left:
                    return self._of_file(inside, status)
                at = inside
                continue
            if status.st_uid not in self._owners:
                return _owned(inside, status.st_uid)
            links += 1
            left.extendleft(reversed(_parts(target)))
            at = "/" if target.startswith("/") else at
        return None

    def _of_file(self, path: str, status: os.stat_result) -> str | None:
        if stat.S_ISCHR(status.st_mode):
            return None  # /dev/null masks a unit, and everybody may write it.
        if stat.S_ISDIR(status.st_mode):
            return self._of_directory(path)
        if status.st_uid not in self._owners:
            return _owned(path, status.st_uid)
        return _writable(path) if status.st_mode & _OTHERS else None

    def _of_directory(self, path: str) -> str | None:
        if path not in self._directories:
            self._directories[path] = self._look_at(path)
        return self._directories[path]

    def _look_at(self, path: str) -> str | None:
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if status.st_uid not in self._owners:
            return _owned(path, status.st_uid)
        # In a sticky directory nobody replaces what is another's, and whose it is, is looked at next.
        return _writable(path) if status.st_mode & _OTHERS and not status.st_mode & stat.S_ISVTX else None


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return [*parts, "."] if path.endswith("/.") else parts


def _owned(path: str, uid: int) -> str:
    return f"{path} belongs to uid {uid}, who could have anything run; give it to root (chown root {path})"


def _writable(path: str) -> str:
    return f"{path} can be written by others than root, who could have anything run; forbid that (chmod go-w {path})"
