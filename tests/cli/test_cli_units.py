# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sd_taskpacker.cli.unitfile import dropins
from tests.cli.standin import Standin, run


def unit(service: Standin, path: Path) -> None:
    service.answers["ListUnits"] = ("a(ssssb)", [[["massif", "batch", str(path), "Heap", True]]])


async def test_cat_shows_each_file_below_its_path(service: Standin, address: str, tmp_path: Path) -> None:
    directory = tmp_path / "sd-taskpacker" / "units"
    (directory / "massif.batch.d").mkdir(parents=True)
    (directory / "massif.batch").write_text("[Batch]\nExec=/bin/true\x1b\n", encoding="ascii")
    (directory / "massif.batch.d" / "10.conf").write_text("[Batch]\nSize=tiny", encoding="ascii")
    unit(service, directory / "massif.batch")
    for name in ("massif", "massif.batch"):
        done = await run(address, "cat", name, XDG_CONFIG_HOME=str(tmp_path))
        assert (done.status, done.err) == (0, "")
        assert done.out.splitlines() == [
            f"# {directory}/massif.batch",
            "[Batch]",
            r"Exec=/bin/true\x1b",
            "",
            f"# {directory}/massif.batch.d/10.conf",
            "[Batch]",
            "Size=tiny",
        ]
    shown = json.loads((await run(address, "cat", "massif", "--json", XDG_CONFIG_HOME=str(tmp_path))).out)
    assert [set(each) for each in shown] == [{"path", "text"}] * 2


async def test_cat_of_an_unknown_unit_exits_65(service: Standin, address: str, tmp_path: Path) -> None:
    unit(service, tmp_path)
    done = await run(address, "cat", "nope")
    assert (done.status, done.out) == (65, "")
    assert done.err.startswith("There is no unit 'nope'\nHint: ")


async def test_cat_of_a_file_that_is_gone_exits_1(service: Standin, address: str, tmp_path: Path) -> None:
    unit(service, tmp_path / "massif.batch")
    done = await run(address, "cat", "massif")
    assert (done.status, done.out) == (1, "")
    assert "massif.batch cannot be read: No such file or directory" in done.err


def test_the_dropin_of_the_first_directory_counts_and_they_apply_by_name(tmp_path: Path) -> None:
    for directory, names in (("first", ("20.conf",)), ("second", ("10.conf", "20.conf", "note.txt", ".x.conf"))):
        (tmp_path / directory / "a.batch.d").mkdir(parents=True)
        for name in names:
            (tmp_path / directory / "a.batch.d" / name).touch()
    found = dropins("a.batch", [f"{tmp_path}/first", f"{tmp_path}/second", f"{tmp_path}/none"])
    assert found == [f"{tmp_path}/second/a.batch.d/10.conf", f"{tmp_path}/first/a.batch.d/20.conf"]


async def test_many_units_are_asked_about_and_one_that_has_gone_meanwhile_has_no_problems(
    service: Standin, address: str
) -> None:
    rows = [[f"u{number}", "batch", f"/u/u{number}.batch", "", True] for number in range(120)]
    service.answers["ListUnits"] = ("a(ssssb)", [rows])

    def problems(name: str) -> tuple[str, Any]:
        if name == "u7.batch":
            return "org.sdtaskpacker1.Error.NoSuchUnit", ["there is no unit file"]
        return "a(susss)", [[[f"/u/{name}", 1, "Size", "warning", "is odd"]]]

    service.answers["GetUnitProblems"] = problems
    shown = json.loads((await run(address, "list-units", "--json")).out)
    assert len(service.called("GetUnitProblems")) == 120
    assert [each["name"] for each in shown if not each["problems"]] == ["u7"]
    assert shown[119]["problems"][0]["path"] == "/u/u119.batch"
