# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's own settings, /etc/sd-taskpacker/taskpacker.toml. Every one has a default that suits most machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sd_taskpacker.model.names import MAX_DEPTH


def _unprivileged(user: str) -> str:
    if user == "root" or (user.isdecimal() and int(user) == 0):
        raise ValueError("tasks run as root only where their own unit says User=root")
    return user


class Access(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    group: str = Field(
        default="taskpacker",
        min_length=1,
        description="Members of this group may submit tasks; where there is no polkit they manage the service,"
        " too, as root does. They may read the results of all tasks.",
    )


class Tasks(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    user: Annotated[str, AfterValidator(_unprivileged)] = Field(
        default="taskpacker", min_length=1, description="Whom tasks run as when their unit has no User= of its own."
    )


class History(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    days: int = Field(
        default=90, ge=1, le=36_500, description="How long ListEvents and GetTask tell of what is over, in days."
    )
    events: int = Field(
        default=1_000_000,
        ge=1_000,
        description="How many lines ListEvents has at most; older ones go, and the tasks that ended in them.",
    )


class Limits(BaseModel):
    """Large enough for scripts that submit tens of thousands; what one user has reached, others do not feel."""

    model_config = ConfigDict(frozen=True, strict=True)

    waiting_per_user: int = Field(default=100_000, ge=1, description="Tasks of one user that wait at a time.")
    waiting: int = Field(default=200_000, ge=1, description="Tasks that wait at a time.")
    waiting_mebibytes_per_user: int = Field(
        default=256,
        ge=1,
        description="Arguments and parameters of what waits of one user, in millions of characters.",
    )
    waiting_mebibytes: int = Field(
        default=512, ge=1, description="Arguments and parameters of all that waits, in millions of characters."
    )
    workorders_per_user: int = Field(
        default=5_000, ge=1, description="Workorders of one user that run at a time; all tasks are of one user."
    )
    tasks_per_call: int = Field(
        default=10_000, ge=1, le=100_000, description="Tasks that one call may ask for, fan-out counted."
    )
    mebibytes_per_call: int = Field(
        default=16, ge=1, le=256, description="Arguments and parameters of all tasks of one call, fan-out counted."
    )
    depth: int = Field(
        default=MAX_DEPTH, ge=1, le=MAX_DEPTH, description="Components of a task's name: tasks that ask for tasks."
    )
    calls_per_second: int = Field(
        default=200,
        ge=1,
        le=1_000_000,
        description="Calls that submit, of one user, or of the tasks of one root; not of root.",
    )
    calls_at_once: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Such calls before calls_per_second begins to count."
    )


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    access: Access = Access()
    tasks: Tasks = Tasks()
    history: History = History()
    limits: Limits = Limits()


def read_config(table: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """A bad value or an unknown key is told and passed over, as systemd does; the default stays in force."""
    problems: list[str] = []
    kept: dict[str, dict[str, Any]] = {}
    for section, values in table.items():
        field = Config.model_fields.get(section)
        if field is None or not isinstance(values, Mapping):
            problems.append(f"[{section}] is not a section of this file; ignored")
            continue
        kept[section] = dict(_known(section, values, type(field.default), problems))
    return Config.model_validate(kept), problems


def _known(section: str, values: Mapping[str, Any], of: type[BaseModel], problems: list[str]) -> Mapping[str, Any]:
    good: dict[str, Any] = {}
    for key, value in values.items():
        if key not in of.model_fields:
            problems.append(f"[{section}] {key}: no such setting; ignored")
            continue
        try:
            of.model_validate({key: value})
        except ValidationError as error:
            problems.append(f"[{section}] {key}: {error.errors()[0]['msg']}; the default stays in force")
        else:
            good[key] = value
    return good
