# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of keys: one pydantic model per section, one field per key.

A field's `alias` is the key, its `description` the documentation from which manual pages and `--help` are made, and
its type says how the text is read. Every reader raises ValueError with the words that a person is shown; pydantic
adds the place. `[Service]` has a table of its own: model.service_table.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sd_taskpacker.model.command import PARAMETER_NAME, parse_command
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.literals import parse_absolute_path, parse_boolean, parse_choice, parse_integer
from sd_taskpacker.model.pattern import MAX_MATCHED, check_backtracking
from sd_taskpacker.model.quantities import parse_size, parse_span
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.unit import Kind, ParameterType, Word

REPEATS: Final = "repeats"
"""Marks a key whose assignments append; of any other key the last one counts."""
ONCE: Final = "once"
"""Marks a key that has to be reset by an empty assignment before it may be given again."""

MAX_SPAN: Final = 100 * 31_557_600 * 1_000_000
"""A hundred years in usec: what a deadline adds to the present still fits 64 bits with room to spare."""
THE_SYSTEMS: Final = ("/boot", "/dev", "/etc", "/proc", "/run/systemd", "/sys", "/usr")
"""Where no task may have its directory: what is there is made, and after a run removed, as root."""
MAX_RETRIES: Final = 1_000
MAX_PATTERN: Final = 1_000
MAX_PARAMETER_NAME: Final = 100


def _integer(low: int, high: int) -> BeforeValidator:
    return BeforeValidator(lambda text: parse_integer(text, low, high))


def _choice(*words: str) -> BeforeValidator:
    return BeforeValidator(lambda text: parse_choice(text, words))


def _words(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for text in texts for word in split_words(text))


def _line(text: str) -> str:
    """For people's eyes: nothing that moves a cursor."""
    if not text.isprintable():
        raise ValueError(f"{excerpt(text)} holds a character that cannot be printed")
    return text


def _duration(text: str) -> int:
    usec = parse_span(text)
    if not 0 < usec <= MAX_SPAN:
        raise ValueError(f"{excerpt(text)} is not above zero and below 100 years; leave the key out for none")
    return usec


def _parameter_name(text: str) -> str:
    if not PARAMETER_NAME.fullmatch(text) or len(text) > MAX_PARAMETER_NAME:
        raise ValueError(f"{excerpt(text)} is no parameter name; use letters, digits, _ and -, and no digit first")
    return text


def _parameter_type(text: str) -> ParameterType:
    return ParameterType(parse_choice(text, tuple(str(one) for one in ParameterType)))


def _pattern(text: str) -> str:
    """Compiled here, so that a request never meets a pattern that does not work, or does not come to an end."""
    if len(text) > MAX_PATTERN:
        raise ValueError(f"has {len(text)} characters, more than the {MAX_PATTERN} that a pattern may have")
    try:
        with warnings.catch_warnings():
            # That some set will mean something else in a later Python, which nobody would notice.
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, RecursionError, OverflowError) as e:
        raise ValueError(f"{excerpt(text)} is not a regular expression: {e}") from None
    except Warning as e:
        raise ValueError(
            f"{excerpt(text)} has two meanings: {e}; write a backslash before [ - & | ~ in a set"
        ) from None
    check_backtracking(text)
    return text


def _default(text: str) -> str:
    """Taken as it stands; quotes around the whole make an empty text or outer blanks possible."""
    if text[0] in "'\"" and len(words := split_words(text)) == 1:
        return words[0]
    return text


def _task_directory(text: str) -> str:
    path = parse_absolute_path(text)
    for place in THE_SYSTEMS:
        if path in ("/", place) or path.startswith(place + "/"):
            raise ValueError(f"{excerpt(path)} is the system's own; use a directory in /var or /srv, for example")
    return path


def _read(reader: Callable[[str], Any]) -> BeforeValidator:
    return BeforeValidator(reader)


Line = Annotated[str, _read(_line)]
Flag = Annotated[bool, _read(parse_boolean)]
Directory = Annotated[str, _read(_task_directory)]
Span = Annotated[int, _read(_duration)]
Count = Annotated[int, _integer(0, (1 << 31) - 1)]
LateWord = Annotated[Literal["drop", "run"], _choice("drop", "run")]
OomWord = Annotated[Literal["fail", "larger"], _choice("fail", "larger")]
WordList = Annotated[tuple[str, ...], REPEATS, BeforeValidator(_words)]


class UnitSection(BaseModel):
    """`[Unit]`: what people are told about the unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: Line = Field("", alias="Description", description="One line that tells people what the unit does.")
    documentation: WordList = Field(
        (), alias="Documentation", description="URIs of manuals, separated by blanks. May be given more than once."
    )


class WorkorderSection(BaseModel):
    """`[Workorder]`, and the keys that `[Batch]` shares with it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    exec: Annotated[tuple[Word, ...], ONCE, _read(parse_command)] = Field(
        alias="Exec",
        description="The program, as an absolute path, and its arguments, with systemd's quoting. ${name} stands for"
        " a parameter and stays inside its one argument; $$ is a dollar. No shell is involved. Required.",
    )
    root: Flag = Field(
        False,
        alias="Root",
        description="Whether the task is started when the daemon starts. Every parameter then needs a default.",
    )
    allow_users: WordList = Field(
        (),
        alias="AllowUsers",
        description="Users (names or numbers, separated by blanks) who may submit it; with AllowGroups=, those of"
        " either. Nobody else may, whatever polkit says, but root. May be given more than once. Default: all who may"
        " submit tasks.",
    )
    allow_groups: WordList = Field(
        (),
        alias="AllowGroups",
        description="Groups whose members may submit it; see AllowUsers=. May be given more than once.",
    )
    directory: Directory | None = Field(
        None,
        alias="Directory",
        description="Where the work directories of this root and all tasks below it lie, as an absolute path. By"
        " default a directory of the unit's name in the state directory.",
    )
    chunks: Annotated[int, _read(parse_size)] = Field(
        4,
        alias="Size",
        description="Memory: tiny (32M), small (128M), medium (256M), large (1G), or an amount such as 384M, rounded"
        " up to chunks of 32M. A batch task is limited to it. Default: small.",
    )
    cpus: Annotated[int, _integer(0, 65_535)] = Field(
        1, alias="CPUs", description="How many CPUs the task keeps busy, from 0 to 65535. Default: 1."
    )
    expected_usec: Span | None = Field(
        None,
        alias="ExpectedSec",
        description="How long a run usually takes, as a time span. For planning only: nothing is stopped when it is"
        " over. To limit the run time write RuntimeMaxSec= in [Service].",
    )
    keep_success: Count = Field(
        1000,
        alias="KeepSuccess",
        description="How many versions that ended well keep their results; older ones are removed. Default: 1000.",
    )
    keep_failed: Count = Field(
        1000,
        alias="KeepFailed",
        description="How many versions that failed keep their results; older ones are removed. Default: 1000.",
    )


class BatchSection(WorkorderSection):
    """`[Batch]`: all of `[Workorder]`, and what decides who goes first."""

    priority: Annotated[int, _integer(0, (1 << 32) - 1)] = Field(
        100, alias="Priority", description="Higher goes first, from 0 to 4294967295. Default: 100."
    )
    deadline_usec: Span | None = Field(
        None,
        alias="Deadline",
        description="How long after its submission a task has to have ended, as far as its expected time tells,"
        " as a time span, unless the request says otherwise. What runs is never ended for it. Default: no deadline.",
    )
    on_deadline: LateWord = Field(
        "drop",
        alias="OnDeadline",
        description="What becomes of a task that still waits when its deadline passes: drop (it fails) or run (it"
        " starts late). With drop, a task that cannot end in time is not taken at all. Default: drop.",
    )
    max_running: Annotated[int, _integer(1, (1 << 31) - 1)] | None = Field(
        None,
        alias="MaxRunning",
        description="How many tasks of this unit run at once, whatever root they belong to. Default: as many as fit.",
    )
    retries: Annotated[int, _integer(0, MAX_RETRIES)] = Field(
        0,
        alias="Retry",
        description="How often a task that failed is tried again. Each try has a version of its own; one that"
        f" somebody killed or stopped is not tried again. At most {MAX_RETRIES}. Default: 0.",
    )
    on_oom: OomWord = Field(
        "fail",
        alias="OnOOM",
        description="What becomes of a task that was killed because it took more memory than its size: fail, or"
        " larger (it is tried once more in the next of the named sizes). Default: fail.",
    )


class ParameterSection(BaseModel):
    """`[Parameter]`: one for each parameter. What depends on `Type=` is read by model.declaration."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, _read(_parameter_name)] = Field(
        alias="Name", description="How requests and ${name} in Exec= call it. Required."
    )
    type: Annotated[ParameterType, _read(_parameter_type)] = Field(
        ParameterType.STRING,
        alias="Type",
        description="string, int, float, bool, enum or path (absolute and normalized). Default: string.",
    )
    values: WordList = Field(
        (), alias="Values", description="For an enum: its values, separated by blanks. May be given more than once."
    )
    default: Annotated[str, _read(_default)] | None = Field(
        None,
        alias="Default",
        description='The value of a request that does not give one; Default="" is an empty text. Without this key'
        " every request has to give the parameter.",
    )
    minimum: str | None = Field(None, alias="Minimum", description="For int and float: the smallest value.")
    maximum: str | None = Field(None, alias="Maximum", description="For int and float: the largest value.")
    pattern: Annotated[str, _read(_pattern)] | None = Field(
        None,
        alias="Pattern",
        description="For string and path: a regular expression (Python's) that the whole value has to match. The"
        f" value may then have {MAX_MATCHED} characters. A pattern with nested or with more than 3 unbounded repeats"
        " could take for ever and is refused; possessive ones, [a-z]++, do not count.",
    )
    secret: Flag = Field(
        False,
        alias="Secret",
        description="Whether its value is shown to nobody. The task finds it in parameters.json, and nowhere else: it"
        " cannot be used in Exec=. It is forgotten when the task has ended. For Type=string only.",
    )
    description: Line = Field("", alias="Description", description="One line that tells people what it is for.")


def task_section(kind: Kind) -> tuple[str, type[WorkorderSection]]:
    """The section that makes a file a unit of this kind, and its table."""
    return ("Batch", BatchSection) if kind is Kind.BATCH else ("Workorder", WorkorderSection)
