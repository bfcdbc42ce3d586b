# SPDX-License-Identifier: LGPL-2.1-or-later
"""`verify`: what the service would say of unit files, before they are put where it finds them. Needs no service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.unit import Kind

REFUSED: Final = 1


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
        # As bytes, as the service reads it: the loader says where they are not UTF-8.
        text = path.read_bytes()
    except OSError as error:
        return [_refused(name, f"cannot be read: {error.strerror or error}")]
    # Imported here: it brings pydantic, and no other verb needs that.
    from sd_taskpacker.model.settings import Source, load_unit

    _, problems = load_unit(kind, path.stem, [Source(path=name, text=text)])
    return problems


def _refused(path: str, message: str) -> Problem:
    return Problem(path, 0, "", Severity.ERROR, message)
