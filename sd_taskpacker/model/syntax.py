# SPDX-License-Identifier: LGPL-2.1-or-later
"""The syntax of unit files, as systemd.syntax(7) has it: text in, assignments and problems out. Knows no key.

Every problem of a file is found in one go. A file that is not text at all (too large, NUL, not UTF-8) has one
problem and no assignments. An empty assignment (`Key=`) is kept: whoever knows the key applies the reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.problems import Problem, Severity

MAX_BYTES: Final = 1 << 20
"""systemd's own limit for a line is 1 MiB (LONG_LINE_MAX); no unit of ours comes near it."""

MAX_KEY: Final = 100
"""Characters. A key is shown as it is, so what is longer or not printable goes no further."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"
_BLANK = " \t\n\r"
"""systemd's WHITESPACE; str.strip() would also eat Unicode spaces, which belong to the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One `[Name]` header. The same name may come again; `index` tells the instances of a file apart."""

    index: int
    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`key=value` on `line`, where the logical line begins; `value` is joined and trimmed, quotes still in it."""

    section_index: int
    section: str
    key: str
    value: str
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    path: str
    is_text: bool = True
    """False when the file cannot be read as text at all, so that nothing can be said about what it lacks."""
    sections: tuple[Section, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse(path: str, text: bytes | str) -> Document:
    """Never raises; `path` is only what the problems name."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    refusal = _not_text(path, raw)
    if refusal is not None:
        return Document(path=path, is_text=False, problems=(refusal,))
    return _Reader(path).read(raw.decode("utf-8").removeprefix(_BOM))


def _not_text(path: str, raw: bytes) -> Problem | None:
    if len(raw) > MAX_BYTES:
        return _error(path, 0, f"is larger than {MAX_BYTES >> 20} MiB; this is not a unit file")
    if (nul := raw.find(b"\0")) >= 0:
        return _error(path, _line_at(raw, nul), "holds a NUL byte; this is not a text file")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as e:
        byte = raw[e.start]
        return _error(path, _line_at(raw, e.start), f"is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8")
    return None


def _line_at(raw: bytes, offset: int) -> int:
    """A file of mixed line ends counts like an editor: CRLF is one end."""
    before = raw[:offset].decode("utf-8", "replace")
    return len(_LINE_END.findall(before)) + 1


def _error(path: str, line: int, message: str) -> Problem:
    return Problem(path, line, "", Severity.ERROR, message)


class _Reader:
    """Builds one Document line by line; the state is the section that the next assignment belongs to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.sections: list[Section] = []
        self.assignments: list[Assignment] = []
        self.problems: list[Problem] = []

    def read(self, text: str) -> Document:
        for number, line in _logical_lines(text):
            if line.startswith("["):
                self.header(number, line)
            else:
                self.assignment(number, line)
        return Document(
            path=self.path,
            sections=tuple(self.sections),
            assignments=tuple(self.assignments),
            problems=tuple(self.problems),
        )

    def header(self, number: int, line: str) -> None:
        if not line.endswith("]"):
            self.problem(number, f"section header {excerpt(line)} has no closing ]")
        elif not line[1:-1].strip(_BLANK):
            self.problem(number, "a section header needs a name between [ and ]")
        # Going on in the section that was probably meant keeps one slip from making a problem of every line below.
        name = line[1:].removesuffix("]").strip(_BLANK)
        self.sections.append(Section(index=len(self.sections), name=name, line=number))

    def assignment(self, number: int, line: str) -> None:
        key, separator, value = line.partition("=")
        key = key.rstrip(_BLANK)
        if not separator:
            self.problem(number, f"{excerpt(line)} is neither Key=value nor a [Section]; a comment begins with #")
        elif not key:
            self.problem(number, "there is no key before the =")
        elif len(key) > MAX_KEY or not key.isprintable():
            self.problem(number, f"{excerpt(key)} cannot be a key; keys are short words")
        elif not self.sections:
            self.problem(number, f"{excerpt(key)} stands before any [Section]")
        else:
            here = self.sections[-1]
            self.assignments.append(
                Assignment(
                    section_index=here.index,
                    section=here.name,
                    key=key,
                    value=value.strip(_BLANK),
                    path=self.path,
                    line=number,
                )
            )

    def problem(self, number: int, message: str) -> None:
        self.problems.append(_error(self.path, number, message))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first physical line, trimmed text); comments and blank lines are left out.

    As systemd's config_parse: a comment inside a continuation is dropped without ending it, a blank line ends it,
    and the backslash becomes a space.
    """
    begun, parts = 0, list[str]()
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if line.lstrip(_BLANK).startswith(("#", ";")):
            continue
        begun = begun if parts else number
        continues = _ends_in_backslash(line)
        parts.append(line[:-1] + " " if continues else line)
        if not continues:
            if whole := "".join(parts).strip(_BLANK):
                yield begun, whole
            parts = []
    if rest := "".join(parts).strip(_BLANK):
        yield begun, rest


def _ends_in_backslash(line: str) -> bool:
    """An even number of backslashes at the end are escaped ones."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
