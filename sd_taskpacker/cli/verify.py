# SPDX-License-Identifier: LGPL-2.1-or-later
"""`verify`: what the service would say of unit files, before they are put where it finds them. Needs no service."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.unitfile import dropins, read
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.unitpath import SYSTEM_DIRECTORIES

REFUSED = 1


def verify(files: Sequence[str], out: Output, *, strict: bool = False) -> int:
    """Every problem of every file on stdout; exit status 1 if any of them would refuse its unit, with `strict` if
    there is any at all. A unit is checked together with its drop-ins, and a drop-in together with its unit."""
    problems = list(dict.fromkeys(chain.from_iterable(map(_problems, files))))
    if out.json is not Json.OFF:
        out.document([asdict(problem) for problem in problems])
    else:
        out.lines([str(problem) for problem in problems])
        if problems:
            out.talk(_summary(problems))
    return REFUSED if any(strict or problem.severity is Severity.ERROR for problem in problems) else 0


def _summary(problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    refused = "a unit with an error is refused" if errors else "a setting with a warning has no effect"
    return f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}; {refused}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _problems(name: str) -> Sequence[Problem]:
    path = Path(name)
    if path.suffix == ".conf" and path.parent.name.endswith(".d"):
        return _dropin_problems(path)
    kind = _kind(path)
    if kind is None:
        wanted = " or ".join(f".{kind}" for kind in Kind)
        return [_refused(name, f"not a unit; its name must end in {wanted}, or it lies in NAME.batch.d/ as *.conf")]
    return _loaded(kind, path, name, dropins(path.name, _directories(path)))


def _dropin_problems(path: Path) -> Sequence[Problem]:
    """The rest of the unit counts, too: a key may be right in one file and wrong in another."""
    base = path.parent.name.removesuffix(".d")
    beside = _directories(path.parent)
    main = next((found for each in (*beside, *SYSTEM_DIRECTORIES) if (found := Path(each) / base).exists()), None)
    if main is None or (kind := _kind(main)) is None:
        return [_refused(str(path), f"there is no unit {base} that it changes; put it beside {path.parent}")]
    others = {Path(each).name: each for each in dropins(base, beside)}
    ordered = sorted((others | {path.name: str(path)}).items())
    return _loaded(kind, main, str(main), [each for _, each in ordered])


def _kind(path: Path) -> Kind | None:
    return next((kind for kind in Kind if path.suffix == f".{kind}"), None)


def _directories(path: Path) -> Sequence[str]:
    """Where drop-ins of the unit are: beside it, and all over the search path once it is in its place there."""
    beside = os.path.dirname(os.path.abspath(path))
    return SYSTEM_DIRECTORIES if beside in SYSTEM_DIRECTORIES else (str(path.parent),)


def _loaded(kind: Kind, path: Path, shown: str, extra: Sequence[str]) -> Sequence[Problem]:
    texts: dict[str, bytes] = {}
    unread = []
    for name in (shown, *extra):
        try:
            texts[name] = read(Path(name))
        except OSError as error:
            unread.append(_refused(name, f"cannot be read: {error.strerror or error}"))
    if unread or not texts[shown]:
        return unread  # An empty file, or a link to /dev/null, masks the unit of its name.
    return _checked(kind, path.stem, {name: text for name, text in texts.items() if text})


def _checked(kind: Kind, name: str, texts: Mapping[str, bytes]) -> Sequence[Problem]:
    # Imported here: it brings pydantic, and no other verb needs that.
    from sd_taskpacker.model.settings import Source, load_unit

    _, problems = load_unit(kind, name, [Source(path=path, text=text) for path, text in texts.items()])
    return problems


def _refused(path: str, message: str) -> Problem:
    return Problem(path, 0, "", Severity.ERROR, message)
