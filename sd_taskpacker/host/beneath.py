# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directories reached one component at a time, by file descriptor, so that no link on the way is ever followed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

FOLLOW_NOTHING: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ: Final = os.O_RDONLY | FOLLOW_NOTHING
HANDLE: Final = os.O_PATH | FOLLOW_NOTHING
"""To know a directory by, without the right to read it."""


@contextmanager
def opened(name: str, *, within: int | None = None, flags: int = READ) -> Iterator[int]:
    """A descriptor of the directory for as long as the block lasts."""
    fd = os.open(name, flags, dir_fd=within)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def descended(root: str, parts: Sequence[str]) -> Iterator[int]:
    """The directory `parts` below `root`. `root` itself is the admin's choice and may lie behind links."""
    with ExitStack() as closing:
        fd = closing.enter_context(opened(root, flags=os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        for part in parts:
            fd = closing.enter_context(opened(part, within=fd))
        yield fd


@contextmanager
def unlocked(name: str, *, within: int) -> Iterator[int]:
    """Like `opened`, for a directory that its owner may have closed even to himself."""
    with opened(name, within=within, flags=HANDLE) as handle:
        make_writable(handle)
        with opened(".", within=handle) as fd:
            yield fd


def make_writable(handle: int) -> None:
    """Gives the owner every right on a directory opened with O_PATH, which needs no right on it.

    The path through /proc leads to that very directory whatever its name stands for by now; fchmod(2) refuses
    such a descriptor, and fchmodat(2) cannot be told to follow no link.
    """
    mode = os.fstat(handle).st_mode & 0o7777
    if mode & 0o700 != 0o700:
        os.chmod(f"/proc/self/fd/{handle}", mode | 0o700)


def mount_of(fd: int) -> str:
    """The kernel's id of the mount that a descriptor was opened on (proc(5), fdinfo). Unlike the device number
    it also tells a bind mount of the same file system."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
        return next(line.split()[1] for line in info if line.startswith("mnt_id:"))
