# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task's id and everything derived from it: systemd unit, object path, directory. Each way is injective.

    id            build/massif@20261121.0
    systemd unit  taskpacker-build-massif:20261121.0.service
    object path   /org/sdtaskpacker1/task/build_2fmassif_4020261121_2e0
    directory     build/massif/@20261121.0        (below the root's directory, without its first component)

In the unit name `/` becomes `-`, and what systemd does not allow, as well as `-` itself, becomes `\\xNN`, as
systemd-escape(1) does. `:` separates name from version because it is legal in unit names and in neither part.
A unit name that begins with `taskpacker-` also takes the admin's drop-ins in `taskpacker-.service.d/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from sd_taskpacker.model.excerpt import excerpt

OBJECT_ROOT: Final = "/org/sdtaskpacker1"
TASK_PATH: Final = OBJECT_ROOT + "/task/"
SLICE: Final = "taskpacker.slice"
BATCH_SLICE: Final = "taskpacker-batch.slice"
WORKORDER_SLICE: Final = "taskpacker-workorder.slice"
UNIT_PREFIX: Final = "taskpacker-"
UNIT_SUFFIX: Final = ".service"

MAX_UNIT_NAME: Final = 255
"""Longest systemd unit name in bytes (UNIT_NAME_MAX is 256 with the final NUL, src/basic/unit-name.h)."""
MAX_COMPONENT: Final = 255
"""Longest file name in bytes (NAME_MAX)."""
MAX_DEPTH: Final = 32
"""Components of a task name; deeper is a task that asks for itself without end."""

_COMPONENT = re.compile(r"[A-Za-z0-9_.+-]+", re.ASCII)
_NOT_IN_UNIT = re.compile(r"[^A-Za-z0-9_.]")
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9]")


def check_component(text: str, what: str) -> None:
    """Raises ValueError unless `text` may stand between two slashes of a task name, or be a version."""
    shown = excerpt(text)
    if not _COMPONENT.fullmatch(text):
        raise ValueError(f"{what} {shown} may hold only letters, digits and _ . + -")
    if text in (".", ".."):
        raise ValueError(f"{what} {shown} would leave its directory")
    if len(text) >= MAX_COMPONENT:
        raise ValueError(f"{what} {shown} is longer than {MAX_COMPONENT - 1} bytes")


@dataclass(frozen=True, slots=True, order=True)
class TaskId:
    """One run: which task, and which version of it. Build through `make` or `parse`, which check."""

    name: str
    version: str

    @classmethod
    def make(cls, name: str, version: str) -> Self:
        """Raises ValueError when a part is malformed or the derived unit name is too long for systemd."""
        parts = name.split("/")
        if len(parts) > MAX_DEPTH:
            raise ValueError(f"a task name has at most {MAX_DEPTH} components")
        for part in parts:
            check_component(part, "name")
        check_component(version, "version")
        made = cls(name, version)
        if len(made.unit_name) > MAX_UNIT_NAME:
            raise ValueError(f"the systemd unit of {excerpt(name)} would be longer than {MAX_UNIT_NAME} bytes")
        return made

    @classmethod
    def parse(cls, text: str) -> Self:
        name, separator, version = text.partition("@")
        if not separator:
            raise ValueError(f"{excerpt(text)} is not a task id; an id reads NAME@VERSION")
        return cls.make(name, version)

    @classmethod
    def from_unit_name(cls, unit: str) -> Self | None:
        """The task behind a systemd unit, None when the unit is not one of ours."""
        if not (unit.startswith(UNIT_PREFIX) and unit.endswith(UNIT_SUFFIX)):
            return None
        name, separator, version = unit[len(UNIT_PREFIX) : -len(UNIT_SUFFIX)].partition(":")
        try:
            made = cls.make(_unescape_unit(name), _unescape_unit(version))
        except ValueError:
            return None
        return made if separator and made.unit_name == unit else None

    @classmethod
    def from_object_path(cls, path: str) -> Self | None:
        """The task behind an object path, None when the path is not one that a task has."""
        if not path.startswith(TASK_PATH):
            return None
        try:
            label = re.sub(r"_([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), path[len(TASK_PATH) :])
            made = cls.parse(label)
        except ValueError:
            return None
        return made if made.object_path == path else None

    @property
    def root(self) -> str:
        return self.name.partition("/")[0]

    @property
    def unit_name(self) -> str:
        return f"{UNIT_PREFIX}{_escape_unit(self.name)}:{_escape_unit(self.version)}{UNIT_SUFFIX}"

    @property
    def object_path(self) -> str:
        return TASK_PATH + _NOT_IN_PATH.sub(lambda found: f"_{ord(found[0]):02x}", str(self))

    @property
    def directory(self) -> tuple[str, ...]:
        """Path components below the root's directory."""
        return (*self.name.split("/")[1:], "@" + self.version)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def child_name(parent: TaskId | None, unit: str) -> str:
    """The name of a task of `unit`, asked for by the task `parent` or by a client from outside (None)."""
    return f"{parent.name}/{unit}" if parent else unit


def _escape_unit(text: str) -> str:
    return _NOT_IN_UNIT.sub(_as_in_unit, text)


def _as_in_unit(found: re.Match[str]) -> str:
    return "-" if found[0] == "/" else f"\\x{ord(found[0]):02x}"


def _unescape_unit(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text.replace("-", "/"))
