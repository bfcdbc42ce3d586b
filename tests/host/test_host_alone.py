# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TAKE = """
import sys
from pathlib import Path
from sd_taskpacker.errors import WrongState
from sd_taskpacker.host.alone import take_alone
try:
    take_alone(Path(sys.argv[1]))
except WrongState as error:
    sys.exit(str(error))
print("taken", flush=True)
sys.stdin.read()
"""


def _take(directory: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", TAKE, str(directory)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    opened = os.open(directory, os.O_RDONLY)
    try:
        yield opened
    finally:
        os.close(opened)


def test_a_second_daemon_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first = _take(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == "taken\n"
    _, said = _take(tmp_path).communicate()
    assert f"another sd-taskpacker uses {tmp_path}" in said
    first.kill()
    first.communicate()
    third = _take(tmp_path)
    shown, _ = third.communicate()
    assert shown == "taken\n"


def test_others_who_may_read_the_directory_cannot_keep_a_daemon_from_it(tmp_path: Path) -> None:
    with _opened(tmp_path) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX)
        first = _take(tmp_path)
        assert first.communicate()[0] == "taken\n"
    assert all(not each.stat().st_mode & 0o077 for each in tmp_path.iterdir())
