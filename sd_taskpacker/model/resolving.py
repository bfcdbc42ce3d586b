# SPDX-License-Identifier: LGPL-2.1-or-later
"""Assignments of one section -> its pydantic model, or problems at the lines where they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.sections import ONCE, REPEATS
from sd_taskpacker.model.syntax import Assignment

Table = TypeVar("Table", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Generic[Table]):
    """`section` is None when something is wrong; `lines` tells where each key got the value that counts."""

    section: Table | None
    lines: Mapping[str, Assignment]
    problems: tuple[Problem, ...]


def fields_by_key(table: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in table.model_fields.items()}


def resolve(table: type[Table], header: str, place: tuple[str, int], known: Sequence[Assignment]) -> Resolved[Table]:
    """`known` are the assignments of keys that the table has, in order; `header` is the section's name as people see
    it, `place` the file and line for what is missing. Never raises."""
    fields = fields_by_key(table)
    live, problems = dict[str, list[Assignment]](), list[Problem]()
    for assignment in known:
        before = live.setdefault(assignment.key, [])
        if not assignment.value:
            before.clear()
            continue
        if before and ONCE in fields[assignment.key].metadata:
            problems.append(_twice(assignment, before[-1]))
        before.append(assignment)
    given = {key: several for key, several in live.items() if several}
    lines = {key: several[-1] for key, several in given.items()}
    try:
        section = table.model_validate({key: _text(fields[key], several) for key, several in given.items()})
    except ValidationError as e:
        problems += _translated(e, header, place, lines)
        section = None
    return Resolved(section=section, lines=lines, problems=tuple(problems))


def _text(field: FieldInfo, given: Sequence[Assignment]) -> str | tuple[str, ...]:
    texts = tuple(assignment.value for assignment in given)
    return texts if REPEATS in field.metadata else texts[-1]


def _twice(assignment: Assignment, first: Assignment) -> Problem:
    message = (
        f"is given twice, first at {first.path}:{first.line};"
        f" to replace it, write an empty {assignment.key}= before this line"
    )
    return Problem(assignment.path, assignment.line, assignment.key, Severity.ERROR, message)


def _translated(
    error: ValidationError, header: str, place: tuple[str, int], lines: Mapping[str, Assignment]
) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        key = str(detail["loc"][0])
        if key not in lines:
            yield Problem(*place, key, Severity.ERROR, f"is required in {header}")
            continue
        # Every reader of a table raises ValueError in words of ours; anything else of pydantic is a plain sentence.
        cause = detail.get("ctx", {}).get("error")
        yield Problem(lines[key].path, lines[key].line, key, Severity.ERROR, str(cause or detail["msg"]))
