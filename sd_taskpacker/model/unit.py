# SPDX-License-Identifier: LGPL-2.1-or-later
"""A unit as the rest of the program sees it: validated, immutable, free of syntax."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sd_taskpacker.model.problems import Problem
from sd_taskpacker.model.values import Value


class Kind(StrEnum):
    """What a unit is; also the suffix of its file."""

    WORKORDER = "workorder"
    BATCH = "batch"


class ParameterType(StrEnum):
    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    ENUM = "enum"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One `[Parameter]` section. `default` None means that every request must give it."""

    name: str
    type: ParameterType = ParameterType.STRING
    values: tuple[str, ...] = ()
    default: str | int | float | bool | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    pattern: str | None = None
    description: str = ""
    secret: bool = False
    """Nobody is shown its value; the task finds it in parameters.json."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument of `Exec=`: literal text and `${name}` references in turn."""

    parts: tuple[str | Reference, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """`${name}`: replaced by the parameter's value, inside one argument and never split."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUnit:
    """One workorder or batch definition. Time in usec, memory in chunks."""

    name: str
    kind: Kind
    path: str
    description: str = ""
    exec: tuple[Word, ...]
    root: bool = False
    allow_users: tuple[str, ...] = ()
    allow_groups: tuple[str, ...] = ()
    """Who may submit it, by these two lists; everybody who may submit at all when both are empty."""
    directory: str | None = None
    chunks: int
    cpus: int = 1
    expected_usec: int | None = None
    keep_success: int
    keep_failed: int
    priority: int = 100
    deadline_usec: int | None = None
    """A time span from the submission on; None when there is none."""
    runs_late: bool = False
    """OnDeadline=run."""
    max_running: int | None = None
    retries: int = 0
    grows: bool = False
    """OnOOM=larger."""
    parameters: tuple[Parameter, ...] = ()
    properties: tuple[tuple[str, Value], ...] = ()
    """`[Service]` as (systemd property, typed value), in the order in which systemd wants them."""
    user: str | None = None
    """`User=` of `[Service]`; None means the default user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every unit that can be used now, and every problem of those that were read."""

    units: dict[tuple[Kind, str], TaskUnit] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    refused: tuple[RefusedUnit, ...] = ()
    """Units whose newest text is not usable; an earlier good definition may still be in `units`."""

    def find(self, kind: Kind, name: str) -> TaskUnit | None:
        return self.units.get((kind, name))


@dataclass(frozen=True, slots=True)
class RefusedUnit:
    name: str
    kind: Kind
    path: str
    problems: tuple[Problem, ...]
