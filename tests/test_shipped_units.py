# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from sd_taskpacker.host.unitdirs import UnitDirectories
from sd_taskpacker.model.command import references, render
from sd_taskpacker.model.parameters import check
from sd_taskpacker.model.unit import Kind, TaskUnit
from sd_taskpacker.model.values import Value

SHIPPED = Path(__file__).resolve().parents[1] / "units"
CATALOGUE = UnitDirectories([SHIPPED]).refresh()

EXAMPLES = {
    "massif": {"target": "/usr/bin/bash"},
    "checksum": {"directory": "/etc"},
    "compress": {"file": "/etc/services"},
}
"""What a request gives for the parameters without a default."""


def test_no_shipped_unit_has_a_problem_or_a_warning() -> None:
    assert [str(problem) for problem in CATALOGUE.problems] == []
    files = {path.name for path in SHIPPED.iterdir()}
    assert {f"{unit.name}.{unit.kind}" for unit in CATALOGUE.units.values()} == files


@pytest.mark.parametrize("unit", CATALOGUE.units.values(), ids=lambda unit: str(unit.name))
def test_a_shipped_unit_is_described_limited_and_usable(unit: TaskUnit) -> None:
    assert unit.description
    assert unit.expected_usec
    assert "RuntimeMaxUSec" in dict(unit.properties)
    assert all(parameter.description for parameter in unit.parameters)
    assert set(references(unit.exec)) == {parameter.name for parameter in unit.parameters}
    given = {name: Value("s", text) for name, text in EXAMPLES.get(unit.name, {}).items()}
    argv = render(unit.exec, check(unit.parameters, given))
    assert len(argv) == len(unit.exec)


def test_no_shipped_unit_starts_by_itself() -> None:
    assert not [unit.name for unit in CATALOGUE.units.values() if unit.root]
    assert {kind for kind, _ in CATALOGUE.units} == {Kind.BATCH, Kind.WORKORDER}


def test_the_program_of_the_load_unit_is_python() -> None:
    unit = CATALOGUE.find(Kind.BATCH, "load")
    assert unit is not None
    argv = render(unit.exec, check(unit.parameters, {}))
    compile(argv[3], "load.batch", "exec")


@pytest.mark.parametrize("setting", ["StartLimitIntervalSec", "LogRateLimitIntervalSec", "LimitCORE"])
def test_a_users_instance_is_served_as_the_machines(setting: str) -> None:
    """Started again until it can start, all of its journal kept, and nothing told in confidence in a dump."""
    top = SHIPPED.parent
    for unit in (top / "sd-taskpacker.service", top / "sd_taskpacker/share/sd-taskpacker.service"):
        assert f"\n{setting}=0\n" in unit.read_text()
