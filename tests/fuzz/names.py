# SPDX-License-Identifier: LGPL-2.1-or-later
"""A text as a name, an id, a unit's name, an object path, a command, a line of words."""

from __future__ import annotations

import string
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final

from sd_taskpacker.host.commands import quoted
from sd_taskpacker.model.command import parse_command, references, render
from sd_taskpacker.model.literals import parse_absolute_path, parse_relative_path
from sd_taskpacker.model.names import MAX_COMPONENT, MAX_UNIT_NAME, TASK_PATH, TaskId, check_component
from sd_taskpacker.model.quantities import parse_size, parse_span
from sd_taskpacker.model.quoting import split, split_words, unescape
from sd_taskpacker.model.serials import check_given, parse, spell
from tests.fuzz.readable import check_readable

IN_PATHS: Final = frozenset(string.ascii_letters + string.digits + "_")
IN_UNITS: Final = IN_PATHS | frozenset(":.\\-")
MOST_WORDS: Final = 1_000
NOW: Final = 1_800_000_000_000_000
PARAMETERS: Final = {"a": "x y", "b": "${a}", "c": '"'}


def target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    _check_ids(text)
    _check_component(text)
    _check_words(text)
    _check_command(text)
    with suppress(ValueError):
        assert ".." not in PurePosixPath(parse_absolute_path(text)).parts
    with suppress(ValueError):
        path = PurePosixPath(parse_relative_path(text))
        assert not path.is_absolute()
        assert ".." not in path.parts
    with suppress(ValueError):
        assert parse_size(text) >= 1
    with suppress(ValueError):
        assert parse_span(text) >= 0


def _check_ids(text: str) -> None:
    with suppress(ValueError):
        task = TaskId.parse(text)
        assert str(task) == text
        _check_id(task)
    for inside in (text, text.replace("@", ":", 1)):
        if task_of_unit := TaskId.from_unit_name(f"taskpacker-{inside}.service"):
            assert task_of_unit.unit_name == f"taskpacker-{inside}.service"
            _check_id(task_of_unit)
    if task_of_path := TaskId.from_object_path(TASK_PATH + text):
        assert task_of_path.object_path == TASK_PATH + text
        _check_id(task_of_path)


def _check_id(task: TaskId) -> None:
    assert TaskId.parse(str(task)) == task
    assert TaskId.from_unit_name(task.unit_name) == task
    assert TaskId.from_object_path(task.object_path) == task
    assert len(task.unit_name.encode()) <= MAX_UNIT_NAME
    assert set(task.unit_name) <= IN_UNITS
    assert set(task.object_path.removeprefix(TASK_PATH)) <= IN_PATHS
    for part in (task.root, *task.directory):
        assert 0 < len(part.encode()) <= MAX_COMPONENT
        assert part not in (".", "..")
        assert "/" not in part
        assert "\0" not in part


def _check_component(text: str) -> None:
    try:
        check_component(text, "name")
    except ValueError as error:
        check_readable(str(error), 200)
    with suppress(ValueError):
        check_given(text, ("20260101", 3), NOW)
    if serial := parse(text):
        assert spell(serial) == text


def _check_words(text: str) -> None:
    if "\0" not in text:
        assert split_words(quoted([text]).replace("%%", "%")) == (text,)
    for escapes in (True, False):
        with suppress(ValueError):
            words = split(text, escapes=escapes)
            assert [split_words(word.raw, escapes=escapes) for word in words] == [(word.text,) for word in words]
            for word in words:
                word.text.encode()
    with suppress(ValueError):
        assert split_words(unescape(text).replace("\\", "\\\\"), escapes=False) is not None


def _check_command(text: str) -> None:
    for line in (text, f"/bin/x {text}"):
        try:
            command = parse_command(line)
        except ValueError as error:
            check_readable(str(error), MOST_WORDS)
            continue
        argv = render(command, {name: PARAMETERS.get(name, name) for name in references(command)})
        assert len(argv) == len(command) == len(split_words(line))
        assert argv[0].startswith("/")
        assert ".." not in argv[0].split("/")
        assert "\0" in text or not any("\0" in word for word in argv)
