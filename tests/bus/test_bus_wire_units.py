# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.bus import wire_units
from sd_taskpacker.errors import NoSuchUnit
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.unit import Catalogue, Kind, RefusedUnit, TaskUnit


def a_unit(name: str, kind: Kind = Kind.BATCH) -> TaskUnit:
    path = f"/etc/{name}.{kind}"
    return TaskUnit(name=name, kind=kind, path=path, exec=(), chunks=1, keep_success=1, keep_failed=1)


def a_problem(path: str, message: str = "bad") -> Problem:
    return Problem(path, 3, "Size", Severity.ERROR, message)


def a_catalogue() -> Catalogue:
    def refused(name: str) -> RefusedUnit:
        return RefusedUnit(name, Kind.BATCH, f"/etc/{name}.batch", (a_problem(f"/etc/{name}.batch"),))

    return Catalogue(
        units={
            (unit.kind, unit.name): unit for unit in (a_unit("good"), a_unit("old"), a_unit("good", Kind.WORKORDER))
        },
        problems=(a_problem("/etc/good.batch.d/10.conf", "odd"), a_problem("/etc/old.batch")),
        refused=(refused("old"), refused("new")),
    )


def test_units_are_listed_once_and_a_definition_in_force_counts_as_loaded() -> None:
    assert wire_units.units_to_wire(a_catalogue()) == [
        ["good", "batch", "/etc/good.batch", "", True],
        ["good", "workorder", "/etc/good.workorder", "", True],
        ["new", "batch", "/etc/new.batch", "", False],
        ["old", "batch", "/etc/old.batch", "", True],
    ]


@pytest.mark.parametrize("name", ["old", "old.batch"])
def test_problems_of_a_unit_come_once_with_file_line_and_key(name: str) -> None:
    assert wire_units.problems_to_wire(a_catalogue(), name) == [["/etc/old.batch", 3, "Size", "error", "bad"]]


def test_problems_in_a_drop_in_belong_to_its_unit() -> None:
    assert [row[4] for row in wire_units.problems_to_wire(a_catalogue(), "good")] == ["odd"]
    assert wire_units.problems_to_wire(a_catalogue(), "good.workorder") == []


def test_problems_of_no_unit_is_an_error() -> None:
    with pytest.raises(NoSuchUnit, match="'none'"):
        wire_units.problems_to_wire(a_catalogue(), "none")
