# SPDX-License-Identifier: LGPL-2.1-or-later
"""A unit's files -> a validated TaskUnit, or every problem of all of them, sorted by file and line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel

from sd_taskpacker.model.command import references
from sd_taskpacker.model.contents import Contents, collect
from sd_taskpacker.model.declaration import declare
from sd_taskpacker.model.excerpt import listing
from sd_taskpacker.model.names import check_component
from sd_taskpacker.model.passthrough import ServiceSettings, translate
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.resolving import Resolved, resolve
from sd_taskpacker.model.sections import BatchSection, ParameterSection, UnitSection, WorkorderSection, task_section
from sd_taskpacker.model.syntax import parse
from sd_taskpacker.model.unit import Kind, Parameter, TaskUnit

Table = TypeVar("Table", bound=BaseModel)

STORE: Final = "state.sqlite"
"""Beside the directories of units lies what the service remembers, in files of names that begin so (host.store)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: the unit's own, or a drop-in. `text` is bytes as read, or text that somebody has at hand."""

    path: str
    text: bytes | str


def load_unit(kind: Kind, name: str, sources: Sequence[Source]) -> tuple[TaskUnit | None, tuple[Problem, ...]]:
    """`sources` has the unit's own file first, then its drop-ins in the order in which they apply.

    The unit is None exactly when one of the problems is an error. Never raises for what a file says.
    """
    contents = Contents(kind=kind, path=sources[0].path)
    try:
        check_component(name, "unit name")
        if name.startswith(STORE):
            raise ValueError(f"names that begin with {STORE} are those of the service's own files; choose another")
    except ValueError as e:
        contents.problems.append(Problem(contents.path, 0, "", Severity.ERROR, str(e)))
    documents = [parse(source.path, source.text) for source in sources]
    for number, document in enumerate(documents):
        collect(contents, number, document)
    unit = _build(contents, name) if all(document.is_text for document in documents) else None
    problems = tuple(sorted(set(contents.problems), key=lambda one: _order(one, sources)))
    refused = any(problem.severity is Severity.ERROR for problem in problems)
    return (None if refused else unit), problems


def _order(problem: Problem, sources: Sequence[Source]) -> tuple[int, Problem]:
    """Files in the order in which they apply, lines in each."""
    paths = [source.path for source in sources]
    return paths.index(problem.path), problem


def _build(contents: Contents, name: str) -> TaskUnit | None:
    own, table = task_section(contents.kind)
    about = _resolved(contents, UnitSection, "Unit")
    task = _resolved(contents, table, own)
    parameters = tuple(_parameters(contents))
    service = translate(contents.sections.get("Service", ()), contents.kind)
    contents.problems += service.problems
    if task.section is None or about.section is None:
        return None
    contents.problems += _undeclared(contents, task)
    contents.problems += _exposed(task, parameters)
    contents.problems += _root_without_default(task, parameters)
    return _unit(contents, name, about.section, task.section, parameters, service)


def _undeclared(contents: Contents, task: Resolved[WorkorderSection]) -> Iterator[Problem]:
    """A parameter whose own section is wrong counts as declared: one slip is one problem."""
    declared = [one.name for one in contents.parameters if one.name is not None]
    used = references(task.section.exec) if task.section else ()
    at = task.lines.get("Exec")
    for name in used:
        if name not in declared and at is not None:
            message = (
                f"${{{name}}} is not a parameter of this unit; declare it in a [Parameter] section (there are"
                f" {listing(declared)}), or write $${{{name}}} for the text itself"
            )
            yield Problem(at.path, at.line, "Exec", Severity.ERROR, message)


def _exposed(task: Resolved[WorkorderSection], parameters: Sequence[Parameter]) -> Iterator[Problem]:
    """Everybody on the machine may read the arguments of a process."""
    at, used = task.lines.get("Exec"), references(task.section.exec) if task.section else ()
    for one in parameters:
        if one.secret and one.name in used and at is not None:
            message = f"${{{one.name}}} is secret, and arguments are not; the program finds it in parameters.json"
            yield Problem(at.path, at.line, "Exec", Severity.ERROR, message)


def _root_without_default(task: Resolved[WorkorderSection], parameters: Sequence[Parameter]) -> Iterator[Problem]:
    at = task.lines.get("Root")
    missing = [one.name for one in parameters if one.default is None]
    if at is not None and task.section is not None and task.section.root and missing:
        message = f"the daemon starts a root without parameters, so give Default= to {listing(missing)}"
        yield Problem(at.path, at.line, "Root", Severity.ERROR, message)


def _unit(
    contents: Contents,
    name: str,
    about: UnitSection,
    task: WorkorderSection,
    parameters: tuple[Parameter, ...],
    service: ServiceSettings,
) -> TaskUnit:
    unit = TaskUnit(
        name=name,
        kind=contents.kind,
        path=contents.path,
        description=about.description,
        exec=task.exec,
        root=task.root,
        allow_users=task.allow_users,
        allow_groups=task.allow_groups,
        directory=task.directory,
        chunks=task.chunks,
        cpus=task.cpus,
        expected_usec=task.expected_usec,
        keep_success=task.keep_success,
        keep_failed=task.keep_failed,
        parameters=parameters,
        properties=service.properties,
        user=service.user,
    )
    if isinstance(task, BatchSection):
        return dataclasses.replace(
            unit,
            priority=task.priority,
            deadline_usec=task.deadline_usec,
            runs_late=task.on_deadline == "run",
            max_running=task.max_running,
            retries=task.retries,
            grows=task.on_oom == "larger",
        )
    return unit


def _resolved(contents: Contents, table: type[Table], name: str) -> Resolved[Table]:
    place = contents.headers.get(name, (contents.path, 0))
    resolved = resolve(table, f"[{name}]", place, contents.sections.get(name, ()))
    contents.problems += resolved.problems
    return resolved


def _parameters(contents: Contents) -> Iterator[Parameter]:
    for text in contents.parameters:
        resolved = resolve(ParameterSection, "[Parameter]", text.place, text.assignments)
        contents.problems += resolved.problems
        if resolved.section is None:
            continue
        parameter, misfits = declare(resolved.section)
        for key, message in misfits:
            at = resolved.lines.get(key)
            path, line = (at.path, at.line) if at else text.place
            contents.problems.append(Problem(path, line, key, Severity.ERROR, message))
        if parameter is not None:
            yield parameter
