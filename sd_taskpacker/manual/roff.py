# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks -> a page in roff with the man macros (groff_man(7)), which groff and mandoc read alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from sd_taskpacker import __version__
from sd_taskpacker.manual.blocks import Block, Heading, Item, Literal, Paragraph

_SPECIAL: Final = str.maketrans(
    {
        "\\": r"\e",
        "-": r"\-",  # A plain one may become a hyphen, which nobody can paste into a shell.
        "'": r"\(aq",
        "`": r"\(ga",
        "^": r"\(ha",
        "~": r"\(ti",
        '"': r"\(dq",
    }
)
_BOLD: Final = re.compile(
    r"``(?P<code>.+?)``|`(?P<word>.+?)`|\*\*(?P<strong>.+?)\*\*|(?P<key>\b[A-Z][A-Za-z]+=)|(?P<page>\b[a-z][a-z0-9_.-]*(?=\([1-9]\)))"
)


def page(name: str, section: str, blocks: Iterable[Block]) -> str:
    head = [
        r".\" Made by python -m sd_taskpacker.manual. Change what it is made of, not this file.",
        f'.TH "{escape(name.upper())}" "{section}" "" "sd\\-taskpacker {escape(__version__)}" "SD\\-TaskPacker"',
        ".nh",
        ".ad l",
    ]
    return "\n".join([*head, *_lines(blocks)]) + "\n"


def _lines(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Heading(text, level):
                yield f'{".SH" if level == 1 else ".SS"} "{escape(text)}"'
            case Paragraph(text):
                yield from (".PP", typeset(text))
            case Item(terms, text, depth):
                yield from [".RS 4"] * depth
                yield from (".TP 4", typeset_term(terms[0]))
                for term in terms[1:]:
                    yield from (".TQ", typeset_term(term))
                yield typeset(text) or r"\&"
                yield from [".RE"] * depth
            case Literal(lines):
                yield from (".PP", ".RS 4", ".nf", *(_guarded(escape(line)) for line in lines), ".fi", ".RE")


def typeset(text: str) -> str:
    """Running text, with what is marked in it made bold."""
    made, at = "", 0
    plain = " ".join(text.split())
    for found in _BOLD.finditer(plain):
        made += escape(plain[at : found.start()]) + rf"\fB{escape(found[found.lastgroup or 0])}\fR"
        at = found.end()
    return _guarded(made + escape(plain[at:]))


def typeset_term(text: str) -> str:
    return rf"\fB{escape(text)}\fR"


def escape(text: str) -> str:
    return text.translate(_SPECIAL)


def _guarded(line: str) -> str:
    """What begins with a dot would be a request."""
    return rf"\&{line}" if line.startswith(".") else line
