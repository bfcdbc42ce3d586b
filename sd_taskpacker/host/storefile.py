# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store's file: opened, brought up to date, set aside when it is damaged; and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sd_taskpacker.engine.ports import StoreError
from sd_taskpacker.host.schema import VERSION, migrate, version_of

_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_ADVICE: Final = {
    "SQLITE_FULL": "the disk is full; free some space on its file system",
    "SQLITE_READONLY": "it is read-only; remount its file system writable or correct the file's permissions",
    "SQLITE_CORRUPT": "it is damaged; restart the service, which sets it aside and begins a new one",
    "SQLITE_NOTADB": "it is damaged; restart the service, which sets it aside and begins a new one",
    "SQLITE_CANTOPEN": "it cannot be opened; check that its directory exists and belongs to the service",
    "SQLITE_PERM": "permission denied; the file and its directory must belong to the service",
    "SQLITE_BUSY": "another program holds it locked; end that program",
    "SQLITE_IOERR": "reading or writing failed; look for disk errors in `journalctl -k`",
}


def open_file(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """The connection, and where a damaged file was moved to that had to make room. Raises StoreError."""
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return _open(path), None
        except sqlite3.DatabaseError as error:
            if not _word(error).startswith(_DAMAGED):
                raise
        aside = _set_aside(path)
        return _open(path), aside


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system raise into a StoreError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        word = _word(error)
        advice = next((text for name, text in _ADVICE.items() if word.startswith(name)), "")
        raise StoreError(f"store {path}: {advice or 'unexpected'} (SQLite: {error})") from error
    except OSError as error:
        raise StoreError(f"store {path}: {error.strerror}; check its directory and permissions") from error


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
    except BaseException:
        connection.close()
        raise
    return connection


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


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    # The log goes along under the name by which SQLite finds it again, should anybody try to rescue the data.
    for suffix in ("-wal", "-shm", ""):
        if Path(f"{path}{suffix}").exists():
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def _word(error: sqlite3.Error) -> str:
    """SQLite's own name, "" for an error that the Python module itself raised."""
    return getattr(error, "sqlite_errorname", "")
