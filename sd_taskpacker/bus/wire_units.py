# SPDX-License-Identifier: LGPL-2.1-or-later
"""What travels for unit files: which there are, and what is wrong with them."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from sd_taskpacker.bus.text import bus_text
from sd_taskpacker.errors import NoSuchUnit
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.problems import Problem
from sd_taskpacker.model.unit import Catalogue, Kind


def units_to_wire(catalogue: Catalogue) -> list[list[Any]]:
    """`a(ssssb)`: (name, kind, path, description, loaded), by name. A refused unit whose earlier definition is
    still in force counts as loaded."""
    rows = {(unit.name, unit.kind): (unit.path, unit.description, True) for unit in catalogue.units.values()}
    for refused in catalogue.refused:
        rows.setdefault((refused.name, refused.kind), (refused.path, "", False))
    return [
        [bus_text(name), str(kind), bus_text(path), bus_text(description), loaded]
        for (name, kind), (path, description, loaded) in sorted(rows.items())
    ]


def problems_to_wire(catalogue: Catalogue, name: str) -> list[list[Any]]:
    """`a(susss)`: (file, line, key, severity, message) of every unit of that name, `massif` or `massif.batch`.

    Raises NoSuchUnit when no file has that name.
    """
    refused = [unit for unit in catalogue.refused if name in (unit.name, f"{unit.name}.{unit.kind}")]
    problems = [problem for unit in refused for problem in unit.problems]
    problems += [problem for problem in catalogue.problems if _is_about(problem, name)]
    known = any(name in (unit.name, f"{unit.name}.{unit.kind}") for unit in catalogue.units.values())
    if not (problems or known or refused):
        raise NoSuchUnit(f"there is no unit file for {excerpt(name)}", hint="see taskpackerctl list-units")
    return [
        [bus_text(each.path), each.line, bus_text(each.key), str(each.severity), bus_text(each.message)]
        for each in sorted(set(problems))
    ]


def _is_about(problem: Problem, name: str) -> bool:
    """Whether it is in the unit's own file or in a drop-in of it, `massif.batch.d/10-local.conf`."""
    path = PurePath(problem.path)
    file = path.parent.name.removesuffix(".d") if path.suffix == ".conf" else path.name
    return file in {name} | {f"{name}.{kind}" for kind in Kind}
