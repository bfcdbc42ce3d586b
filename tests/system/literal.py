# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a section of a reStructuredText file shows to be typed: its literal blocks, and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Final

PROMPT: Final = "$ "


@dataclass(frozen=True)
class Command:
    """What follows the prompt, with its continued lines and the comment behind it: a shell reads all of it."""

    text: str
    shown: Sequence[str]
    """The lines below it that are no command: what it prints."""


def section(source: str, title: str) -> str:
    """From below the underlined title to the next one. Raises ValueError where there is none."""
    titles = list(re.finditer(r"^(.+)\n([=-])\2+\n", source, re.MULTILINE))
    for found, following in zip(titles, [*titles[1:], None], strict=True):
        if found[1] == title:
            return source[found.end() : following.start() if following else None]
    raise ValueError(f"there is no section '{title}'")


def blocks(text: str) -> Iterator[str]:
    """What is indented after a line that ends with `::`, without the indent."""
    lines: list[str] = []
    inside = False
    for line in [*text.splitlines(), "end"]:
        if inside and (not line or line.startswith(" ")):
            lines.append(line)
            continue
        if inside:
            yield dedent("\n".join(lines)).strip("\n") + "\n"
        lines, inside = [], line.endswith("::")


def commands(block: str) -> Iterator[Command]:
    """Empty for a block that shows a file. Raises ValueError for a block that begins with what a command printed."""
    if not any(line.startswith(PROMPT) for line in block.splitlines()):
        return
    before, *rest = re.split(rf"^{re.escape(PROMPT)}", block, flags=re.MULTILINE)
    if before:
        raise ValueError(f"this comes before the first command: {before}")
    for each in rest:
        lines = each.splitlines()
        last = next(number for number, line in enumerate(lines) if not line.endswith("\\"))
        yield Command("\n".join(lines[: last + 1]), tuple(lines[last + 1 :]))
