# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unit files: a unit's own and, behind a line of three dashes, a drop-in."""

from __future__ import annotations

from typing import Final

from dbus_next import Message

from sd_taskpacker.bus.wire import variant_of
from sd_taskpacker.model.command import render, spell
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.settings import Source, load_unit
from sd_taskpacker.model.syntax import Document, parse
from sd_taskpacker.model.unit import Kind, TaskUnit
from tests.fuzz.readable import check_readable

DROPIN: Final = b"\n---\n"
MOST_WORDS: Final = 4_000
"""Characters of one problem: what a terminal and a log can bear, however large the file is."""
PATHS: Final = ("t.unit", "t.conf")


def target(data: bytes) -> None:
    texts = data.split(DROPIN, 1)
    for text in texts:
        _check_syntax(text)
    sources = [Source(path, text) for path, text in zip(PATHS, texts, strict=False)]
    for kind in Kind:
        unit, problems = load_unit(kind, "t", sources)
        assert (unit is None) == any(problem.severity is Severity.ERROR for problem in problems)
        for problem in problems:
            _check_problem(problem, dict(zip(PATHS, texts, strict=False)))
        if unit:
            _check_unit(unit)
        assert load_unit(kind, "t", sources) == (unit, problems)


def _check_syntax(text: bytes) -> None:
    document = parse("t.unit", text)
    if document.problems:
        return
    # What was understood, written plainly, is understood the same, whatever the ends of lines.
    plain = _written(document)
    for line_end in ("\n", "\r\n", "\r"):
        assert _meaning(parse("t.unit", line_end.join(plain))) == _meaning(document)


def _written(document: Document) -> list[str]:
    lines = []
    for section in document.sections:
        lines.append(f"[{section.name}]")
        # Only a backslash at the very end goes on in the next line; a blank behind it is no part of a value.
        lines += [f"{each.key}={each.value} " for each in document.assignments if each.section_index == section.index]
    return lines


def _meaning(document: Document) -> tuple[list[str], list[tuple[int, str, str]]]:
    assignments = [(each.section_index, each.key, each.value) for each in document.assignments]
    return [section.name for section in document.sections], assignments


def _check_problem(problem: Problem, texts: dict[str, bytes]) -> None:
    text = texts[problem.path]
    assert 0 <= problem.line <= text.count(b"\n") + text.count(b"\r") + 1, problem
    check_readable(str(problem), MOST_WORDS)


def _check_unit(unit: TaskUnit) -> None:
    values = {one.name: "x y" if one.default is None else one.default for one in unit.parameters}
    argv = render(unit.exec, values)
    assert len(argv) == len(unit.exec)
    assert argv[0].startswith("/")
    for text in (*argv, unit.description, *map(spell, values.values())):
        assert "\0" not in text
        text.encode()
    for name, value in unit.properties:
        assert name.isascii()
        assert name.isalnum()
        # Whatever a unit says, the call that starts its task can be sent.
        Message.new_signal("/p", "i.f", "M", "v", [variant_of(value)])._marshall()
