# SPDX-License-Identifier: LGPL-2.1-or-later
"""`Exec=`: one program and its arguments, in which `${name}` stands for a parameter.

A reference belongs to the one argument in which it is written, whatever its value holds: blanks, quotes and dollars
of a value are never looked at again, by us or by systemd. `$$` is a dollar, and so is any `$` that no `{` follows.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.errors import InvalidParameters
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.quoting import Split, split
from sd_taskpacker.model.unit import Reference, Word

MAX_ARGUMENT: Final = (128 << 10) - 1
"""Longest argument in bytes (Linux MAX_ARG_STRLEN without the final NUL); execve(2) answers E2BIG beyond."""

MAX_UNIT_NAME: Final = 253
"""A unit with a longer name can have no directory for its drop-ins: names of files end at 255 bytes."""
MAX_LINE: Final = 128 << 10
"""Characters of a command in a file; systemd reads lines up to 1 MiB, and each may take eight bytes there."""

PREFIXES: Final = "-@:+!|"
"""What systemd allows before the program's path (systemd.service(5))."""

PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_PART = re.compile(r"\$\$|\$\{([^}]*)(\}?)|[^$]+|\$")


def parse_command(text: str) -> tuple[Word, ...]:
    """Raises ValueError for bad quoting, a relative program, systemd's prefixes or an unclosed `${`."""
    words = split(text)
    if not words:
        raise ValueError("names no program; write for example Exec=/usr/bin/true")
    for word in words:
        if word.raw == ";":
            raise ValueError("a unit runs one command; write \\; to pass a ; to it, or use a script for several")
    parsed = tuple(_word(word) for word in words)
    _check_program(words[0], parsed[0])
    return parsed


def references(words: tuple[Word, ...]) -> tuple[str, ...]:
    """The parameters that a command uses, each once, in order."""
    names = (part.name for word in words for part in word.parts if isinstance(part, Reference))
    return tuple(dict.fromkeys(names))


def render(words: tuple[Word, ...], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The argument vector: one argument per word, always. `values` has every parameter that the words refer to.

    Raises InvalidParameters when a value makes an argument longer than the kernel takes.
    """
    return tuple(_argument(index, word, values) for index, word in enumerate(words))


def spell(value: str | int | float | bool) -> str:
    """A parameter's value as text: `true`/`false`, and the shortest decimal that gives the same float back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _word(word: Split) -> Word:
    parts = list[str | Reference]()
    for part in _parts(word.text):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return Word(tuple(parts))


def _parts(text: str) -> Iterator[str | Reference]:
    for match in _PART.finditer(text):
        name, closed = match.groups()
        if name is None:
            yield "$" if match[0] == "$$" else match[0]
        elif not closed:
            raise ValueError(f"{excerpt(match[0])} has no closing }}; write $${{ for a literal ${{")
        elif not PARAMETER_NAME.fullmatch(name):
            raise ValueError(f"{excerpt(match[0])} is no parameter's name; write $${{ for a literal ${{")
        else:
            yield Reference(name)


def _check_program(word: Split, parsed: Word) -> None:
    path = word.text
    if any(isinstance(part, Reference) for part in parsed.parts):
        raise ValueError("the program itself cannot be a parameter; a client would choose what runs")
    if path[:1] and path[0] in PREFIXES:
        raise ValueError(f"systemd's prefix {path[0]} is not available here; begin with the program's absolute path")
    if not path.startswith("/"):
        raise ValueError(f"the program {excerpt(path)} must be an absolute path; there is no search in $PATH")
    if path.startswith("//") or posixpath.normpath(path) != path:
        raise ValueError(f"the program {excerpt(path)} must be a path without //, . and .. and no / at its end")


def _argument(index: int, word: Word, values: Mapping[str, Any]) -> str:
    text = "".join(part if isinstance(part, str) else spell(values[part.name]) for part in word.parts)
    if len(text) * 4 > MAX_ARGUMENT and len(text.encode()) > MAX_ARGUMENT:
        names = ", ".join(part.name for part in word.parts if isinstance(part, Reference))
        raise InvalidParameters(
            f"{names}: argument {index} of the command would be longer than {MAX_ARGUMENT} bytes",
            hint="pass long data in a file",
        )
    return text


def is_broken_by_reload(argv: Sequence[str], unit_name: str) -> bool:
    r"""Whether systemd is to read the command from a file instead of being told it.

    What it was told about a transient unit it writes to a file of its own, and reads again with every daemon-reload,
    which each installation of a package does. Measured with systemd 252: it writes `$` and `;` as `\$` and `\;`,
    which it does not know when it reads them, so that a start that is still in its queue runs another command, often
    with success (36 of 300 units that were started during reloads). ExecStartEx= is written under a name that it
    cannot read at all. A drop-in that is ours is read each time as we wrote it (0 of 60).
    """
    fits = len(unit_name) <= MAX_UNIT_NAME and sum(map(len, argv)) <= MAX_LINE
    return fits and any("$" in word or ";" in word for word in argv)
