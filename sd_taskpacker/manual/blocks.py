# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a manual page is made of: text as written in a template or beside a setting, before it is typeset.

In text ``x``, `x` and **x** are bold, and so are keys (Size=) and pages (systemd.exec(5)) without any mark.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """A word or more, each with a line of its own, and below them, indented, what they mean. `depth` counts the items
    around it."""

    terms: tuple[str, ...]
    text: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Literal:
    """Lines as they are."""

    lines: tuple[str, ...]


Block = Heading | Paragraph | Item | Literal
