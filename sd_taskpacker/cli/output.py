# SPDX-License-Identifier: LGPL-2.1-or-later
"""The only file that prints. Results go to stdout, talk goes to stderr; whatever is shown is escaped first."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TextIO

from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.cli.text import escape, table, width
from sd_taskpacker.errors import (
    AccessDenied,
    Decommissioned,
    Internal,
    InvalidArgs,
    InvalidParameters,
    LimitExceeded,
    NoSuchTask,
    NoSuchUnit,
    TaskpackerError,
    Unreachable,
    WrongState,
)

_RED: Final = "\x1b[0;1;31m"
_GREEN: Final = "\x1b[0;32m"
_YELLOW: Final = "\x1b[0;1;33m"
_BOLD: Final = "\x1b[0;1m"
_RESET: Final = "\x1b[0m"
_STYLES: Final = {"good": _GREEN, "bad": _RED, "warn": _YELLOW, "head": _BOLD}
_COLORS: Final = {"failed": _RED, "no": _RED, "never": _RED, "running": _GREEN, "now": _GREEN}

_HINTS: Final[Mapping[type[TaskpackerError], str]] = {
    NoSuchUnit: "taskpackerctl list-units shows the units there are, and what is wrong with those refused",
    InvalidParameters: "taskpackerctl cat UNIT shows its [Parameter] sections, which say what it takes",
    InvalidArgs: "taskpackerctl submit --help shows what can be asked for",
    NoSuchTask: "taskpackerctl list --all shows the tasks there are",
    WrongState: "taskpackerctl status ID shows the state that the task is in",
    Decommissioned: "taskpackerctl recommission ROOT lets it execute tasks again",
    LimitExceeded: "try again when something has ended; taskpackerctl status shows what there is",
    AccessDenied: "become root, or have an admin add you to the group taskpacker",
    Unreachable: "systemctl status sd-taskpacker shows how the service is",
    Internal: "journalctl -u sd-taskpacker has the details",
}
"""What to do, where the service did not say so itself."""

_VERBS: Final = {
    "BatchSubmit": "taskpackerctl submit",
    "WorkorderStart": "taskpackerctl start",
    "Cancel": "taskpackerctl cancel",
    "Kill": "taskpackerctl kill",
    "Recommission": "taskpackerctl recommission",
    "ListTasks": "taskpackerctl list --all",
    "ListUnits": "taskpackerctl list-units",
    "GetUnitProblems": "taskpackerctl list-units",
}
"""The service's hints are for programs and name its methods; a person has these."""
_METHOD: Final = re.compile(rf"\b(?:{'|'.join(_VERBS)})\b")


Line = Sequence[tuple[str, str]]
"""Pieces of text with the style of each: good, bad, warn, head, or none."""


class Json(StrEnum):
    OFF = "off"
    SHORT = "short"
    PRETTY = "pretty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    json: Json = Json.OFF
    legend: bool = True
    quiet: bool = False

    def document(self, data: Any) -> None:
        """`data` as JSON. Not ASCII is escaped, which also keeps control characters from the terminal."""
        indent = "\t" if self.json is Json.PRETTY else None
        separators = None if indent else (",", ":")
        # Signature `ay` arrives as bytes, which JSON does not have.
        _line(sys.stdout, json.dumps(data, indent=indent, separators=separators, default=list))
        _flush()

    def done(self) -> int:
        """Exit status of an order that answers nothing; with --json that is an empty object."""
        if self.json is not Json.OFF:
            self.document({})
        return 0

    def lines(self, texts: Sequence[str]) -> None:
        """Results, one on each line, and at once: what reads the ids need not wait for what we wait for."""
        for text in texts:
            _line(sys.stdout, escape(text))
        _flush()

    def drawing(self, lines: Sequence[str]) -> None:
        """For a terminal, by `canvas`: with colours, and with what is foreign made harmless."""
        for each in lines:
            _line(sys.stdout, each)
        _flush()

    def file(self, text: str) -> None:
        """What is to be kept in a file, as it is; escaping it would make it another file."""
        if sys.stdout is not None:
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
        _flush()

    def raw(self, data: bytes) -> None:
        """What a task wrote, byte by byte, for who asked for exactly that."""
        if sys.stdout is not None:
            _flush()
            sys.stdout.buffer.write(data)
        _flush()

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], *, paint: str = "", spare: str = ""
    ) -> None:
        """`paint`: the column whose cells have a colour of their own. On a terminal no line is longer than it is
        wide: the column `spare` is left out there first, and then cells are shortened. Who pipes gets everything."""
        shown = [[_spelled(cell) for cell in row] for row in rows]
        place = terminal(sys.stdout)
        mark = "…" if place.unicode else "..."
        if spare and place.live and max(map(width, table([header, *shown]))) > place.columns:
            header, *shown = (_without(row, header.index(spare)) for row in (header, *shown))
        head, *body = table([header, *shown], limit=place.columns if place.live else None, mark=mark)
        if self.legend:
            _line(sys.stdout, _decorated(head, "\x1b[0;4m"))
        painted = header.index(paint) if paint else None
        for line, row in zip(body, shown, strict=True):
            color = _COLORS.get(row[painted]) if painted is not None else None
            _line(sys.stdout, _decorated(line, color))

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """`   Key: value` lines with the colons below each other."""
        columns = max((len(key) for key, _ in pairs), default=0)
        for key, text in pairs:
            _line(sys.stdout, f"{key:>{columns}}: {escape(text)}")

    def paragraph(self, lines: Sequence[Line]) -> None:
        """Lines made of pieces that have a style each."""
        colored = _colorful()
        for line in lines:
            pieces = [(escape(text), _STYLES.get(style, "") if colored else "") for text, style in line]
            _line(sys.stdout, "".join(f"{color}{text}{_RESET}" if color else text for text, color in pieces).rstrip())
        _flush()

    def talk(self, text: str) -> None:
        """What a person wants to know and a program does not."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """What is said even with --quiet, because something did not go as asked."""
        _flush()
        for line in _wrapped(escape(text)):
            _line(sys.stderr, line)

    def interrupted(self, text: str) -> None:
        """What is said after Ctrl-C, over the ^C that a terminal shows for it."""
        if terminal(sys.stderr).live:
            sys.stderr.write("\r")
        self.warn(text)

    def error(self, failure: TaskpackerError) -> None:
        """What is wrong, then what to do, on lines of their own."""
        for line in failure.message.splitlines():
            self.warn(line)
        hint = failure.hint or _HINTS.get(type(failure), "")
        if hint:
            self.warn(f"Hint: {_METHOD.sub(lambda match: _VERBS[match[0]], hint)}")


def prepare() -> None:
    """A terminal whose encoding lacks a character gets it spelled out; a traceback would help nobody."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Raises OSError when the results could not be written: a full disk must not look like success."""
    _flush()


def abandon() -> None:
    """Nobody reads stdout any more. What is buffered goes nowhere, or Python would complain about it at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(stream: TextIO | None, text: str) -> None:
    # Python has None for a stream that was closed before it started, and would print to stdout then.
    if stream is not None:
        print(text, file=stream)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _wrapped(text: str) -> Sequence[str]:
    """A terminal would break a sentence in the middle of a word."""
    place = terminal(sys.stderr)
    if not place.live or width(text) <= place.columns:
        return [text]
    import textwrap

    return textwrap.wrap(text, place.columns, break_long_words=False, break_on_hyphens=False) or [text]


def _spelled(text: str) -> str:
    """As it will be printed, also where the encoding lacks a character: only so its width is known."""
    shown, encoding = escape(text), getattr(sys.stdout, "encoding", None) or "ascii"
    return shown if shown.isascii() else shown.encode(encoding, "backslashreplace").decode(encoding)


def _without(row: Sequence[str], column: int) -> list[str]:
    return [*row[:column], *row[column + 1 :]]


def _decorated(text: str, color: str | None) -> str:
    return f"{color}{text}{_RESET}" if color and _colorful() else text


def _colorful() -> bool:
    return terminal(sys.stdout).color
