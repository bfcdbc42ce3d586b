# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store's file: opened, brought up to date, set aside when it is damaged; and what its errors mean."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sd_taskpacker.engine.ports import StoreDamaged, StoreError
from sd_taskpacker.host.schema import VERSION, migrate, version_of
from sd_taskpacker.host.statements import CHANGE_NOTHING

_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_ADVICE: Final = {
    "SQLITE_FULL": "the disk is full; free some space on its file system",
    "SQLITE_READONLY": "it is read-only; remount its file system writable or correct the file's permissions",
    "SQLITE_CORRUPT": "it is damaged; the service sets it aside and goes on with a new one",
    "SQLITE_NOTADB": "it is damaged; the service sets it aside and goes on with a new one",
    "SQLITE_CANTOPEN": "it cannot be opened; check that its directory exists, is writable and belongs to the service",
    "SQLITE_PERM": "permission denied; the file and its directory must belong to the service",
    "SQLITE_BUSY": "another program holds it locked; end that program",
    "SQLITE_IOERR": "reading or writing failed; look for disk errors in `journalctl -k`, and for space on the disk",
}
_OF_SYSTEM: Final = {
    errno.ENOSPC: "free some space on its file system",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "remount its file system writable",
}

Fill = Callable[[sqlite3.Connection, Path | None], None]
"""Writes into an empty store what it begins with, in the open transaction; told where the damaged file will be, None
when there is none any more."""

Opened = tuple[sqlite3.Connection, Path | None]
"""And the name under which a damaged file is kept that had to make room."""


def open_file(path: Path, fill: Fill) -> Opened:
    """One that makes room for another leaves it to `fill` what the new one begins with. Raises StoreError."""
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _finish_replacement(path, _last_name(path))
        try:
            return _open(path), None
        except sqlite3.DatabaseError as error:
            if not _word(error).startswith(_DAMAGED):
                raise
        return replace_file(path, fill)


def replace_file(path: Path, fill: Fill) -> Opened:
    """A new store in the place of a damaged one, which is kept. At any instant one of them is there whole, whatever
    happens. Raises sqlite3.Error or OSError; then the damaged one is still in its place, or the next call of
    `open_file` opens the new one."""
    free, new = _free_name(path), _new(path)
    aside = free if path.exists() else None
    _remove(new)
    try:
        connection = _open(new)
        try:
            connection.execute("BEGIN IMMEDIATE")
            fill(connection, aside)
            connection.execute("COMMIT")
        finally:
            connection.close()  # The last one to close writes the log into the file.
    except BaseException:
        _remove(new)
        raise
    if aside:
        os.rename(path, aside)
    _finish_replacement(path, free)
    return _open(path), aside


def same_file(path: Path, identity: tuple[int, int]) -> bool:
    """Whether the file is still the one that was opened: what is written into a removed one is lost."""
    with suppress(FileNotFoundError):
        return identity_of(path) == identity
    return False


def identity_of(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _finish_replacement(path: Path, aside: Path) -> None:
    """Also after a crash: a new store is complete once the old one has made room for it."""
    new = _new(path)
    if path.exists():
        _remove(new)
    elif new.exists():
        # The log goes along under the name by which SQLite finds it again, should anybody try to rescue the data.
        with suppress(FileNotFoundError):
            os.rename(f"{path}-wal", f"{aside}-wal")
        Path(f"{path}-shm").unlink(missing_ok=True)  # The log's index, which is made again when it is missing.
        os.rename(new, path)
        _sync(path.parent)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system raise into a StoreError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        word = _word(error)
        advice = next((text for name, text in _ADVICE.items() if word.startswith(name)), "")
        kind = StoreDamaged if word.startswith(_DAMAGED) else StoreError
        raise kind(f"store {path}: {advice or 'unexpected'} (SQLite: {error})") from error
    except OSError as error:
        advice = _OF_SYSTEM.get(error.errno or 0, "check its directory and permissions")
        raise StoreError(f"store {path}: {error.strerror}; {advice}") from error


def _open(path: Path) -> sqlite3.Connection:
    _close_to_others(path)
    # isolation_level=None: transactions begin and end where the code says so, never behind its back.
    # The calls come one at a time, but from several threads.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _refuse_newer(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # What is forgotten is overwritten.
        _check(connection)
        connection.execute("BEGIN IMMEDIATE")
        migrate(connection)
        connection.execute("COMMIT")
        _refuse_read_only(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_read_only(connection: sqlite3.Connection) -> None:
    """SQLite opens what it may only read, and goes on to refuse writing when that has changed: who tries again later
    opens it anew. Raises sqlite3.OperationalError."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(CHANGE_NOTHING)
    finally:
        connection.execute("ROLLBACK")


def _close_to_others(path: Path) -> None:
    """Before SQLite makes it, or its log, which gets the same mode: the state directory is everybody's to enter, and
    what tasks were told in confidence is in here."""
    for suffix, flags in (("", os.O_CREAT), ("-wal", 0), ("-shm", 0)):
        with suppress(OSError):  # What is wrong with the file, SQLite tells in its own words.
            fd = os.open(f"{path}{suffix}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
            try:
                os.fchmod(fd, 0o600)
            finally:
                os.close(fd)


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    version = version_of(connection)
    if version > VERSION:
        raise StoreError(
            f"store {path} has version {version}, this program knows versions up to {VERSION}; "
            "install the newer program again, or move the file away to begin without history"
        )


def _check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        error = sqlite3.DatabaseError(str(verdict))
        error.sqlite_errorname = "SQLITE_CORRUPT"
        raise error


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _free_name(path: Path) -> Path:
    """For what is set aside; no file of that name is there, nor the log of one."""
    numbers = itertools.count(1)
    names = (path.with_name(f"{path.name}.corrupt-{number}") for number in numbers)
    return next(name for name in names if not any(_with_log(name)))


def _last_name(path: Path) -> Path:
    """What was set aside last, if its log is not there yet."""
    free = _free_name(path)
    last = path.with_name(f"{path.name}.corrupt-{int(free.name.rpartition('-')[2]) - 1}")
    return last if list(_with_log(last)) == [last] else free


def _with_log(path: Path) -> Iterator[Path]:
    """Those of a store's files that are there."""
    return (file for suffix in ("", "-wal", "-shm") if (file := Path(f"{path}{suffix}")).exists())


def _remove(path: Path) -> None:
    for file in _with_log(path):
        file.unlink()


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _word(error: sqlite3.Error) -> str:
    """SQLite's own name, "" for an error that the Python module itself raised."""
    return getattr(error, "sqlite_errorname", "")
