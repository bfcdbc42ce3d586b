# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells' completion calls: `taskpackerctl __complete WORD...`.

Answers one candidate a line, with a tab and what it is. A line `:files` asks the shell for names of files, which it
knows best. Whatever goes wrong, it says nothing: a person in the middle of a line wants no message.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.replies import UnitRow
from sd_taskpacker.cli.completing import Candidate, Live, Wanted, wanted
from sd_taskpacker.cli.output import Output
from sd_taskpacker.cli.states import STATES
from sd_taskpacker.cli.unitfile import dropins, read
from sd_taskpacker.errors import TaskpackerError
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.syntax import parse
from sd_taskpacker.model.unit import Kind, ParameterType
from sd_taskpacker.model.unitpath import unit_directories
from sd_taskpacker.model.values import Value

FILES: Final = ":files"
PATIENCE: Final = 3.0
"""Seconds that a key may take at most."""
MOST_TASKS: Final = 1_000


def complete(words: Sequence[str]) -> int:
    found = wanted(words)
    candidates: Iterable[Candidate] = found.fixed
    if found.live is Live.FILES:
        candidates = [Candidate(FILES)]
    elif found.live is not None:
        try:
            candidates = asyncio.run(_live(found, found.live))
        except (TaskpackerError, OSError, TimeoutError):
            return 1
    lines = [f"{each.text}\t{each.about}" if each.about else each.text for each in _typed(found, candidates)]
    if lines:
        Output().file("\n".join(lines))
    return 0


def _typed(found: Wanted, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Those that go on as the word does. What cannot be printed could not be typed."""
    for each in candidates:
        if each.text == FILES or (each.text.startswith(found.current) and each.text.isprintable()):
            yield Candidate(each.text, each.about if each.about.isprintable() else "")


async def _live(found: Wanted, live: Live) -> list[Candidate]:
    async with asyncio.timeout(PATIENCE), await Client.connect(user=found.user) as client:
        candidates = await _asked(client, found, live)
    return [Candidate(found.prefix + each.text, each.about) for each in candidates]


async def _asked(client: Client, found: Wanted, live: Live) -> list[Candidate]:
    match live:
        case Live.TASKS | Live.NAMES:
            tasks = await client.list_tasks(
                {
                    "state": Value("as", list(found.states or STATES)),
                    "limit": Value("u", MOST_TASKS),
                }
            )
            if live is Live.NAMES:
                return [Candidate(name) for name in sorted({str(task["name"]) for task in tasks})]
            return [Candidate(task["id"], str(task.get("result", task["state"]))) for task in tasks]
        case Live.ROOTS:
            figures, tasks = await client.get_all(), await client.list_tasks({})
            units = {unit.name for unit in await client.list_units()}
            return [
                Candidate(root) for root in sorted({*figures["Roots"], *(task["root"] for task in tasks), *units})
            ]
        case Live.DECOMMISSIONED:
            return [Candidate(root) for root in await client.get("Decommissioned")]
        case Live.PARAMETERS:
            kind = Kind.WORKORDER if found.workorder else Kind.BATCH
            unit = next(
                (each for each in await client.list_units() if (each.name, each.kind) == (found.unit, kind)), None
            )
            return _parameters(unit, found.current, user=found.user) if unit else []
        case _:
            return list(_units(await client.list_units(), live))


def _units(rows: Iterable[UnitRow], live: Live) -> Iterator[Candidate]:
    kind = {Live.BATCHES: Kind.BATCH, Live.WORKORDERS: Kind.WORKORDER}.get(live)
    for row in rows:
        if kind is None or row.kind == kind:
            yield Candidate(row.name, row.description)


def _parameters(unit: UnitRow, current: str, *, user: bool) -> list[Candidate]:
    """`name=` while the name is typed, then its values where they can be listed. From the unit's file and its
    drop-ins; what this user cannot read is not completed."""
    own = Path(unit.path)
    directories = (str(own.parent), *unit_directories(user=user, environ=os.environ))
    files = [own, *map(Path, dropins(own.name, directories))]
    declared = [table for file in files for table in _tables(file)]
    name, separator, _ = current.partition("=")
    if not separator:
        return [Candidate(f"{each['Name']}=", each.get("Description", "")) for each in declared]
    return [value for each in declared if each["Name"] == name for value in _values(each)]


def _tables(file: Path) -> list[dict[str, str]]:
    """The `[Parameter]` sections of one file that say a name: key -> value, of several lines all."""
    try:
        document = parse(str(file), read(file))
    except OSError:
        return []
    tables: dict[int, dict[str, str]] = {}
    for each in document.assignments:
        if each.section == "Parameter":
            table = tables.setdefault(each.section_index, {})
            more = f"{table[each.key]} {each.value}" if each.key == "Values" and table.get("Values") else each.value
            table[each.key] = more if each.value else ""
    return [table for table in tables.values() if table.get("Name")]


def _values(table: dict[str, str]) -> list[Candidate]:
    name = table["Name"]
    match table.get("Type", ParameterType.STRING):
        case ParameterType.ENUM:
            return [Candidate(f"{name}={value}") for value in _words(table.get("Values", ""))]
        case ParameterType.BOOL:
            return [Candidate(f"{name}=yes"), Candidate(f"{name}=no")]
        case ParameterType.PATH:
            return [Candidate(FILES)]
        case _:
            return []


def _words(text: str) -> Sequence[str]:
    try:
        return split_words(text)
    except ValueError:  # The unit is refused anyhow.
        return []
