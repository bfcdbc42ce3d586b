# SPDX-License-Identifier: LGPL-2.1-or-later
"""`list-units` and `cat`: the unit files that the service knows, what is wrong with them, and what is in them."""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.replies import UnitRow
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.text import value
from sd_taskpacker.cli.unitfile import dropins, read
from sd_taskpacker.errors import NoSuchUnit
from sd_taskpacker.model.problems import Problem
from sd_taskpacker.model.unitpath import unit_directories

FAILED = 1
AT_ONCE = 50
"""Calls under way; dbus-next breaks its connection when more is written at once than the socket takes."""


async def list_units(client: Client, options: Namespace, out: Output) -> int:
    units = await client.list_units()
    problems = await problems_of(client, units)
    if out.json is not Json.OFF:
        pairs = zip(units, problems, strict=True)
        out.document([asdict(unit) | {"problems": [asdict(each) for each in found]} for unit, found in pairs])
        return 0
    if units:
        rows = [(unit.name, unit.kind, value(unit.loaded), unit.path, unit.description or "-") for unit in units]
        out.table(("UNIT", "KIND", "LOADED", "PATH", "DESCRIPTION"), rows, paint="LOADED", spare="PATH")
    else:
        out.talk("No units. Put NAME.batch or NAME.workorder files into /etc/sd-taskpacker/units.")
    for problem in chain.from_iterable(problems):
        out.warn(str(problem))
    return 0


async def problems_of(client: Client, units: Sequence[UnitRow]) -> list[list[Problem]]:
    """What is wrong with each. Asked for every unit: one that is refused now may still be loaded as it was, and a
    used one may have warnings."""
    found: list[list[Problem]] = []
    for begin in range(0, len(units), AT_ONCE):
        found += await asyncio.gather(*(_problems(client, unit) for unit in units[begin : begin + AT_ONCE]))
    return found


async def _problems(client: Client, unit: UnitRow) -> list[Problem]:
    try:
        return await client.get_unit_problems(f"{unit.name}.{unit.kind}")
    except NoSuchUnit:
        return []  # Its file was removed a moment ago.


async def cat(client: Client, options: Namespace, out: Output) -> int:
    """Each file of the units below a `# /path`, as systemctl cat. Raises NoSuchUnit."""
    units = list(_wanted(await client.list_units(), options.units))
    files = list(chain.from_iterable(_files(unit, user=options.user) for unit in units))
    texts, status = [], 0
    for path in files:
        try:
            texts.append((path, read(Path(path)).decode("utf-8", "replace")))
        except OSError as error:
            out.warn(f"{path} cannot be read: {error.strerror or error}")
            status = FAILED
    if out.json is not Json.OFF:
        out.document([{"path": path, "text": text} for path, text in texts])
    else:
        out.lines(list(_pages(texts)))
    return status


def _wanted(units: Iterable[UnitRow], names: Iterable[str]) -> Iterator[UnitRow]:
    """`massif` or `massif.batch`; a name that a batch and a workorder share means both."""
    known = list(units)
    for name in names:
        found = [unit for unit in known if name in (unit.name, f"{unit.name}.{unit.kind}")]
        if not found:
            raise NoSuchUnit(f"There is no unit '{name}'")
        yield from found


def _files(unit: UnitRow, *, user: bool) -> list[str]:
    base = f"{unit.name}.{unit.kind}"
    return [unit.path, *dropins(base, unit_directories(user=user, environ=os.environ))]


def _pages(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    for number, (path, text) in enumerate(texts):
        if number:
            yield ""
        yield f"# {path}"
        yield from text.removesuffix("\n").split("\n")
