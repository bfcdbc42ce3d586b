# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small state directory of its own, which can be filled to the last byte, made read-only and damaged."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.system.machine import DROPINS, SERVICE, STATE, Machine

STORE: Final = STATE / "state.sqlite"
PAGE: Final = 4096


class Disk:
    """The file system below the state directory; filled with files that belong to nobody else."""

    def __init__(self) -> None:
        self._ballast = STATE / "ballast"

    def fill(self, *, but: int = 0) -> None:
        """Leaves `but` pages free."""
        self._ballast.mkdir(exist_ok=True)
        fd = os.open(self._ballast / "bytes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with closing(os.fdopen(fd, "ab", buffering=0)) as file:
            _until_full(lambda: file.write(b"\0" * PAGE))
            file.truncate(max(0, file.seek(0, os.SEEK_END) - but * PAGE))

    def fill_with_names(self) -> None:
        """There is room for content, but for no further file or directory."""
        self._ballast.mkdir(exist_ok=True)
        numbers = itertools.count()
        _until_full(lambda: (self._ballast / str(next(numbers))).touch())

    def free(self) -> None:
        for file in self._ballast.iterdir():
            file.unlink()

    def remount(self, option: str) -> None:
        _must("mount", "-o", f"remount,{option}", str(STATE))


def _until_full(write: Callable[[], object]) -> None:
    try:
        while True:
            write()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def small_disk(machine: Machine) -> Iterator[Disk]:
    """The service keeps everything on it until the block ends."""
    machine.systemctl("stop", SERVICE)
    _must("mount", "-t", "tmpfs", "-o", "size=4M,nr_inodes=200,mode=755", "tmpfs", str(STATE))
    try:
        machine.systemctl("start", SERVICE)
        yield Disk()
    finally:
        machine.systemctl("stop", SERVICE)
        _must("umount", str(STATE))
        machine.systemctl("start", SERVICE)


_WITHIN: Final = """
import ctypes, os, sys
libc, (pid, place, deed) = ctypes.CDLL(None, use_errno=True), sys.argv[1:]
def call(name, *arguments):
    if getattr(libc, name)(*arguments):
        sys.exit(f"{name}: {os.strerror(ctypes.get_errno())}")
NEWNS, RDONLY, REMOUNT, BIND = 0x20000, 1, 32, 4096
place = place.encode()
call("setns", os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY), NEWNS)
if deed == "seal":
    call("mount", place, place, None, BIND, None)
    call("mount", None, place, None, REMOUNT | BIND | RDONLY, None)
else:
    call("umount2", place, 0)
"""
"""What mount(8) would do: where the daemon lives nothing can be executed (NoExecPaths=)."""


@contextmanager
def only_the_daemon_cannot_write(machine: Machine) -> Iterator[None]:
    """What it opens from now on is read-only, as after an error of the disk. (A file system that has files open for
    writing cannot be remounted read-only, and the store is such a file.)"""
    inside = (sys.executable, "-c", _WITHIN, machine.show(SERVICE, "MainPID"), str(STATE))
    _must(*inside, "seal")
    try:
        yield
    finally:
        _must(*inside, "open")


def damage() -> bytes:
    """Overwrites every page of the store but the first; answers what is in the file now. The log is moved into the
    file before, so that the daemon reads it anew."""
    with closing(sqlite3.connect(STORE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with STORE.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xa5" * (STORE.stat().st_size - PAGE))
    return STORE.read_bytes()


@contextmanager
def another_boot(machine: Machine, boot_id: str) -> Iterator[None]:
    """What the daemon takes for the id of this boot, from its next start on."""
    place, dropin = Path("/run/taskpacker-test-boot-id"), DROPINS / "60-test-boot.conf"
    place.write_text(boot_id + "\n")
    dropin.parent.mkdir(parents=True, exist_ok=True)
    dropin.write_text(f"[Service]\nBindReadOnlyPaths={place}:/proc/sys/kernel/random/boot_id\n")
    machine.systemctl("daemon-reload")
    try:
        yield
    finally:
        dropin.unlink()
        machine.systemctl("daemon-reload")
        with suppress(FileNotFoundError):
            place.unlink()


def _must(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
