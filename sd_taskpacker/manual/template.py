# SPDX-License-Identifier: LGPL-2.1-or-later
"""A template -> blocks. The syntax is the little of reStructuredText that a manual page needs: headings underlined
with = or -, paragraphs, terms with what they mean indented below, `::` and an indented literal text, and directives.

`.. name:: argument` is replaced by the blocks that `tables` has for that name; `.. text` is a comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from sd_taskpacker.manual.blocks import Block, Heading, Item, Literal, Paragraph

Table = Callable[[str], Sequence[Block]]

_LEVELS: Final = {"=": 1, "-": 2}


def read(text: str, tables: Mapping[str, Table]) -> list[Block]:
    """Raises ValueError for a directive that there is not."""
    return list(_blocks(_groups(text.splitlines()), tables))


def _groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """What blank lines part; in a literal text they do not."""
    group: list[str] = []
    literal = False
    for line in lines:
        if literal and line and not line.startswith(" "):
            yield group
            group, literal = [], False
        if line.strip() or (literal and group):
            group.append(line)
        elif group:
            yield group
            literal = group[-1].endswith("::") and not group[-1].startswith("..")
            group = []
    if group:
        yield group


def _blocks(groups: Iterator[list[str]], tables: Mapping[str, Table]) -> Iterator[Block]:
    for group in groups:
        first = group[0]
        if first.startswith(".. "):
            yield from _directive(first, tables)
        elif len(group) == 2 and group[1] and not group[1].strip(group[1][0]) and group[1][0] in _LEVELS:
            yield Heading(first, _LEVELS[group[1][0]])
        elif first.startswith(" "):
            indent = len(first) - len(first.lstrip())
            yield Literal(tuple("\n".join(line[indent:] for line in group).rstrip().split("\n")))
        elif len(group) > 1 and group[-1].startswith(" "):
            terms = [line for line in group if not line.startswith(" ")]
            yield Item(tuple(terms), " ".join(line.strip() for line in group[len(terms) :]))
        else:
            text = " ".join(group)
            yield Paragraph(text.removesuffix(":") if text.endswith("::") else text)


def _directive(line: str, tables: Mapping[str, Table]) -> Sequence[Block]:
    name, separator, argument = line.removeprefix(".. ").partition("::")
    if not separator:
        return ()
    if name not in tables:
        raise ValueError(f"there is no table '{name}'; there are {', '.join(sorted(tables))}")
    return tables[name](argument.strip())
