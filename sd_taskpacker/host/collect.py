# SPDX-License-Identifier: LGPL-2.1-or-later
"""Empties a directory that somebody untrusted has filled, and may still be filling.

A tree is not walked but flattened: each subdirectory that is found is moved up to the top under a name of ours,
and one directory at a time is emptied there. So neither the depth of a tree nor the length of its paths matters,
three descriptors are enough, and nobody can lead us elsewhere by moving a directory while we are inside.

Links are removed, not followed. Mounts are not crossed: a directory on another mount is reported and left, as is
whatever cannot be removed; everything else still goes.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sd_taskpacker.host.beneath import HANDLE, make_writable, mount_of, opened

MAX_ENTRIES: Final = 5_000_000
"""After so many entries one sweep gives up: somebody fills the directory as fast as we empty it."""
MAX_PROBLEMS: Final = 20
_SHOWN: Final = 200


@dataclass(slots=True, kw_only=True)
class _Sweep:
    """The state of one emptying."""

    top: int
    mount: str
    entries_left: int
    prefix: str = field(default_factory=lambda: f".collect-{secrets.token_hex(8)}-")
    """Names of ours at the top, which nobody can have taken before."""
    moved: int = 0
    pending: deque[tuple[str, str]] = field(default_factory=deque)
    """Directories at the top still to be emptied: their name there, and the path they had, for a person."""
    problems: list[str] = field(default_factory=list)
    unnamed: int = 0

    def report(self, shown: str, why: str) -> None:
        text = f"{shown[:_SHOWN]}: {why}"
        if text in self.problems:
            return
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)
        else:
            self.unnamed += 1

    def told(self) -> list[str]:
        return self.problems + ([f"and {self.unnamed} more"] if self.unnamed else [])


def empty(directory: int, keep: frozenset[str] = frozenset(), *, max_entries: int = MAX_ENTRIES) -> list[str]:
    """Removes all below the open directory but the subdirectories named in `keep`; answers what it had to leave."""
    mode = os.fstat(directory).st_mode & 0o7777
    if mode & 0o700 != 0o700:
        os.fchmod(directory, mode | 0o700)
    sweep = _Sweep(top=directory, mount=mount_of(directory), entries_left=max_entries)
    while _pass(sweep, directory, "", keep) and sweep.entries_left > 0:
        while sweep.pending and sweep.entries_left > 0:
            _empty_one(sweep, *sweep.pending.popleft())
    if sweep.entries_left <= 0:
        sweep.report(".", f"gave up after {max_entries} entries; somebody is still filling it")
    return sweep.told()


def _empty_one(sweep: _Sweep, name: str, shown: str) -> None:
    """Passes over a directory for as long as they get somewhere: reading one while it changes may miss entries."""
    try:
        with _entered(sweep, name) as fd:
            while _pass(sweep, fd, shown) and sweep.entries_left > 0:
                pass
        if sweep.entries_left > 0:
            os.rmdir(name, dir_fd=sweep.top)
    except FileNotFoundError:
        return  # Somebody else removed it.
    except OSError as error:
        sweep.report(shown, f"{_why(error)}; it is now {name}")


@contextmanager
def _entered(sweep: _Sweep, name: str) -> Iterator[int]:
    """The open directory, writable for us. Raises OSError, EBUSY when it is the top of another mount."""
    with opened(name, within=sweep.top, flags=HANDLE) as handle:
        _open_up(sweep, handle)
        with opened(".", within=handle) as fd:
            yield fd


def _open_up(sweep: _Sweep, handle: int) -> None:
    if mount_of(handle) != sweep.mount:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
    make_writable(handle)


def _pass(sweep: _Sweep, fd: int, shown: str, keep: frozenset[str] = frozenset()) -> bool:
    """One reading of the directory; tells whether anything went."""
    progress = False
    for entry in _entries(sweep, fd, shown):
        path = f"{shown}/{entry.name}"[:_SHOWN] if shown else entry.name
        if not entry.is_dir(follow_symlinks=False):
            progress |= _unlink(sweep, fd, entry.name, path)
        elif fd != sweep.top or not (entry.name in keep or entry.name.startswith(sweep.prefix)):
            progress |= _move_up(sweep, fd, entry.name, path)
    return progress


def _entries(sweep: _Sweep, fd: int, shown: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(fd) as found:
            for entry in found:
                sweep.entries_left -= 1
                if sweep.entries_left < 0:
                    return
                yield entry
    except OSError as error:
        sweep.report(shown or ".", _why(error))


def _move_up(sweep: _Sweep, fd: int, name: str, shown: str) -> bool:
    sweep.moved += 1
    new = f"{sweep.prefix}{sweep.moved}"
    try:
        try:
            os.rename(name, new, src_dir_fd=fd, dst_dir_fd=sweep.top)
        except PermissionError:
            # Moving a directory changes its `..`, which its owner may not do to an unwritable one.
            with opened(name, within=fd, flags=HANDLE) as handle:
                _open_up(sweep, handle)
            os.rename(name, new, src_dir_fd=fd, dst_dir_fd=sweep.top)
    except FileNotFoundError:
        return False
    except OSError as error:
        sweep.report(shown, _why(error))
        return False
    sweep.pending.append((new, shown))
    return True


def _unlink(sweep: _Sweep, fd: int, name: str, shown: str) -> bool:
    try:
        os.unlink(name, dir_fd=fd)
    except FileNotFoundError:
        return False
    except OSError as error:
        sweep.report(shown, _why(error))
        return False
    return True


def _why(error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return "something is mounted there; it was left alone"
    return error.strerror or str(error)
