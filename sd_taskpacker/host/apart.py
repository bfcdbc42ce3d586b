# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directories that would mix: those of two units, or a unit's and what the service keeps for itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.unit import Kind, TaskUnit


def misplaced(units: Iterable[TaskUnit], state: str | None, runtime: str | None) -> dict[tuple[Kind, str], Problem]:
    """The units whose `Directory=` no task of theirs can have. `state` and `runtime` are the service's own
    directories; below `state` each unit has the one of its name, which it may also say.

    Of two units that clash the second by name is the one. Two kinds of one name may share a directory: their tasks
    share a name, too, and so never have a version in common.
    """
    found, kept = dict[tuple[Kind, str], Problem](), list[TaskUnit]()
    for unit in sorted(units, key=lambda each: (each.name, each.kind)):
        if unit.directory is None or unit.directory == f"{state}/{unit.name}":
            continue
        problem = _of_the_service(unit, [place for place in (state, runtime) if place]) or _of_another(unit, kept)
        if problem is None:
            kept.append(unit)
        else:
            found[unit.kind, unit.name] = problem
    return found


def _of_the_service(unit: TaskUnit, places: Sequence[str]) -> Problem | None:
    place = next((each for each in places if _overlap(each, str(unit.directory))), None)
    if place is None:
        return None
    return _problem(
        unit,
        f"{unit.directory} and {place}, where the service keeps its own and each unit has a directory of its name,"
        " would mix; leave the key out, or name a directory elsewhere, in /srv for example",
    )


def _of_another(unit: TaskUnit, kept: Sequence[TaskUnit]) -> Problem | None:
    others = (each for each in kept if each.name != unit.name)
    other = next((each for each in others if _overlap(str(each.directory), str(unit.directory))), None)
    if other is None:
        return None
    return _problem(
        unit,
        f"{unit.directory} and {other.directory}, the directory of {other.name}.{other.kind} ({other.path}), would"
        " mix the files of their tasks; give each unit a directory of its own",
    )


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _problem(unit: TaskUnit, message: str) -> Problem:
    return Problem(unit.path, 0, "Directory", Severity.ERROR, message)
