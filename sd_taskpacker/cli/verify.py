# SPDX-License-Identifier: LGPL-2.1-or-later
"""`verify`: what the service would say of unit files, before they are put where it finds them. Needs no service."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.syntax import MAX_BYTES
from sd_taskpacker.model.unit import Kind

REFUSED: Final = 1
_DEV_NULL: Final = os.makedev(1, 3)


def verify(files: Sequence[str], out: Output) -> int:
    """Every problem of every file on stdout; exit status 1 if any of them would refuse its unit."""
    problems = [problem for name in files for problem in _problems(name)]
    if out.json is not Json.OFF:
        out.document([asdict(problem) for problem in problems])
    else:
        out.lines([str(problem) for problem in problems])
    return REFUSED if any(problem.severity is Severity.ERROR for problem in problems) else 0


def _problems(name: str) -> Sequence[Problem]:
    path = Path(name)
    kind = next((kind for kind in Kind if path.suffix == f".{kind}"), None)
    if kind is None:
        return [_refused(name, f"not a unit; its name must end in {' or '.join(f'.{kind}' for kind in Kind)}")]
    try:
        text = _read(path)
    except OSError as error:
        return [_refused(name, f"cannot be read: {error.strerror or error}")]
    if not text:
        return []  # An empty file, or a link to /dev/null, masks the unit of its name.
    # Imported here: it brings pydantic, and no other verb needs that.
    from sd_taskpacker.model.settings import Source, load_unit

    _, problems = load_unit(kind, path.stem, [Source(path=name, text=text)])
    return problems


def _read(path: Path) -> bytes:
    """As the service reads it (host.unitdirs): without waiting for a fifo, and no more than a unit may have. As
    bytes: the loader says where they are not UTF-8. Raises OSError."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == _DEV_NULL:
            return b""
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(MAX_BYTES + 1)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _refused(path: str, message: str) -> Problem:
    return Problem(path, 0, "", Severity.ERROR, message)
