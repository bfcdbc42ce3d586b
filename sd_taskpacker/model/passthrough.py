# SPDX-License-Identifier: LGPL-2.1-or-later
"""`[Service]` of a unit -> the properties with which systemd starts its tasks.

What systemd would refuse at the start of a task is found here, when the unit is read, with file, line and key. What
systemd does not know at all is a warning: the unit may be written for a newer version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.service_kind import Fold, Properties, since_reset
from sd_taskpacker.model.service_refused import refusals
from sd_taskpacker.model.service_table import SETTINGS
from sd_taskpacker.model.suggestion import unknown_key
from sd_taskpacker.model.syntax import Assignment
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

_SPECIFIER = re.compile(r"(?<![0-9])%[%A-Za-z]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    properties: Properties = ()
    """In the order in which their keys first appear; systemd applies them one after the other."""
    user: str | None = None
    """`User=` is apart, because the work directory must belong to it before the task starts."""
    problems: tuple[Problem, ...] = ()


def translate(assignments: Sequence[Assignment], kind: Kind) -> ServiceSettings:
    """`assignments` are those of all `[Service]` sections, drop-ins included, in order. Never raises."""
    properties, problems = list[tuple[str, Value]](), list[Problem]()
    for given in _known(assignments, kind, problems).values():
        problems += [problem for assignment in given for problem in _check(assignment)]
        if not any(problem.severity is Severity.ERROR for problem in problems):
            properties += _read(given, problems)
    user = next((str(value.data) for name, value in properties if name == "User"), None)
    kept = tuple((name, value) for name, value in properties if name != "User")
    return ServiceSettings(properties=kept, user=user, problems=tuple(problems))


def _known(assignments: Sequence[Assignment], kind: Kind, problems: list[Problem]) -> dict[str, list[Assignment]]:
    """What can be passed through, by key; the rest becomes problems."""
    known: dict[str, list[Assignment]] = {}
    refused = refusals(kind)
    for assignment in assignments:
        key = assignment.key
        if key in refused:
            problems.append(_problem(assignment, Severity.ERROR, f"is not available to a task: {refused[key]}"))
        elif key in SETTINGS:
            known.setdefault(key, []).append(assignment)
        # systemd ignores keys that begin with X- without a word, so that other programs can have their own.
        elif not key.startswith("X-"):
            problems.append(_problem(assignment, Severity.WARNING, unknown_key(key, "[Service]", SETTINGS)))
    return known


def _check(assignment: Assignment) -> Iterator[Problem]:
    """Each assignment alone, so that a wrong value is reported at its own line even when a later one replaces it."""
    if _SPECIFIER.search(assignment.value):
        message = "specifiers such as %n are not expanded here; % stays as it is"
        yield _problem(assignment, Severity.WARNING, message)
    if assignment.value:
        try:
            SETTINGS[assignment.key].parse(assignment.key, (assignment.value,))
        except ValueError as e:
            yield _problem(assignment, Severity.ERROR, str(e))


def _read(given: Sequence[Assignment], problems: list[Problem]) -> Properties:
    """All assignments of one key, each of which is good, as that key's kind puts them together."""
    kind, key, texts = SETTINGS[given[0].key], given[0].key, [assignment.value for assignment in given]
    try:
        match kind.fold:
            case Fold.LAST:
                return kind.parse(key, texts[-1:]) if texts[-1] else ()
            case Fold.EACH:
                return tuple(one for text in since_reset(texts) for one in kind.parse(key, (text,)))
            case Fold.MERGE:
                return kind.parse(key, texts)
    except ValueError as e:
        problems.append(_problem(given[-1], Severity.ERROR, str(e)))
        return ()


def _problem(assignment: Assignment, severity: Severity, message: str) -> Problem:
    return Problem(assignment.path, assignment.line, assignment.key, severity, message)
