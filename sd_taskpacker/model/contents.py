# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the files of one unit hold, sorted by section. What belongs elsewhere becomes a problem here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.resolving import fields_by_key
from sd_taskpacker.model.sections import BatchSection, ParameterSection, UnitSection, WorkorderSection, task_section
from sd_taskpacker.model.service_table import SETTINGS
from sd_taskpacker.model.suggestion import nearest, unknown_key
from sd_taskpacker.model.syntax import Assignment, Document, Section
from sd_taskpacker.model.unit import Kind

TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "Unit": UnitSection,
    "Workorder": WorkorderSection,
    "Batch": BatchSection,
    "Parameter": ParameterSection,
}
"""Section -> its keys; those of `[Service]` are model.service_table.SETTINGS."""


@dataclass(slots=True)
class ParameterText:
    """One parameter as declared in the unit's file and changed by drop-ins."""

    place: tuple[str, int]
    """File and line of its first header."""
    source: int
    """The number of the file that spoke of it last."""
    assignments: list[Assignment] = field(default_factory=list)

    @property
    def name(self) -> str | None:
        return next((one.value for one in reversed(self.assignments) if one.key == "Name" and one.value), None)


@dataclass(slots=True, kw_only=True)
class Contents:
    """Grows file by file, through `collect`."""

    kind: Kind
    path: str
    """The unit's own file."""
    problems: list[Problem] = field(default_factory=list)
    sections: dict[str, list[Assignment]] = field(default_factory=dict)
    """All but `[Parameter]`; of known keys only, except for `[Service]`, which knows better itself."""
    headers: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Where a section was first seen."""
    parameters: list[ParameterText] = field(default_factory=list)


def collect(contents: Contents, source: int, document: Document) -> None:
    """Sorts a file's assignments into sections; what belongs nowhere becomes a problem."""
    contents.problems += document.problems
    by_section: dict[int, list[Assignment]] = {section.index: [] for section in document.sections}
    for assignment in document.assignments:
        by_section[assignment.section_index].append(assignment)
    for section in document.sections:
        assignments, place = by_section[section.index], (document.path, section.line)
        problem = _misplaced_section(section, contents.kind)
        if problem is not None:
            contents.problems.append(Problem(*place, "", *problem))
        elif section.name == "Parameter":
            _collect_parameter(contents, ParameterText(place, source, _known_keys(contents, assignments)))
        elif section.name == "Service":
            contents.sections.setdefault("Service", []).extend(assignments)
        elif section.name in TABLES:
            contents.headers.setdefault(section.name, place)
            contents.sections.setdefault(section.name, []).extend(_known_keys(contents, assignments))


def _misplaced_section(section: Section, kind: Kind) -> tuple[Severity, str] | None:
    own, _ = task_section(kind)
    allowed = ("Unit", own, "Parameter", "Service")
    if section.name in allowed or section.name.startswith("X-") or not section.name:
        return None
    if section.name in TABLES:
        return (
            Severity.ERROR,
            f"[{section.name}] does not belong in a .{kind} file; write [{own}], or rename the file",
        )
    near = nearest(section.name, allowed)
    hint = f"; did you mean [{near}]?" if near else f"; known are {', '.join(f'[{one}]' for one in allowed)}"
    return Severity.WARNING, f"section {excerpt(section.name)} is not known and is ignored{hint}"


def _known_keys(contents: Contents, assignments: Sequence[Assignment]) -> list[Assignment]:
    """Those of the section's own table; a warning for each other one."""
    known = list[Assignment]()
    for assignment in assignments:
        if assignment.key in fields_by_key(TABLES[assignment.section]):
            known.append(assignment)
        elif not assignment.key.startswith("X-"):
            message = _unknown(assignment, contents.kind)
            contents.problems.append(
                Problem(assignment.path, assignment.line, assignment.key, Severity.WARNING, message)
            )
    return known


def _unknown(assignment: Assignment, kind: Kind) -> str:
    """Where the key belongs, if anywhere; else what was probably meant."""
    header = f"[{assignment.section}]"
    elsewhere = [f"[{name}]" for name in _homes(assignment.key, kind)]
    if elsewhere:
        return f"belongs in {' or '.join(elsewhere)}, not in {header}, and is ignored"
    if kind is Kind.WORKORDER and assignment.key in fields_by_key(BatchSection):
        return "is a key of [Batch] only and is ignored; a workorder starts at once, whatever else runs"
    return unknown_key(assignment.key, header, fields_by_key(TABLES[assignment.section]))


def _homes(key: str, kind: Kind) -> Iterator[str]:
    own, _ = task_section(kind)
    yield from (name for name in ("Unit", own, "Parameter") if key in fields_by_key(TABLES[name]))
    if key in SETTINGS:
        yield "Service"


def _collect_parameter(contents: Contents, given: ParameterText) -> None:
    """A drop-in's section of an existing name changes that parameter; in one file a name comes once."""
    same = next((one for one in contents.parameters if one.name is not None and one.name == given.name), None)
    if same is None:
        contents.parameters.append(given)
    elif same.source == given.source:
        message = f"{excerpt(given.name)} is declared twice, first at {same.place[0]}:{same.place[1]}"
        contents.problems.append(Problem(*given.place, "Name", Severity.ERROR, message))
    else:
        same.assignments += given.assignments
        same.source = given.source
