# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `verify` adds to `load_unit`, which is replaced here: files in, text or JSON and an exit status out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.verify import verify
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.syntax import MAX_BYTES
from sd_taskpacker.model.unit import Kind


@dataclass(slots=True)
class Loader:
    """Finds the problems that it was told to find, and notes what it was given."""

    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    loaded: list[tuple[Kind, str, list[Any]]] = field(default_factory=list)

    def load_unit(self, kind: Kind, name: str, sources: Sequence[Any]) -> tuple[None, tuple[Problem, ...]]:
        self.loaded.append((kind, name, [(source.path, source.text) for source in sources]))
        return None, self.problems.get(name, ())


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    made = Loader()
    module = SimpleNamespace(load_unit=made.load_unit, Source=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "sd_taskpacker.model.settings", module)
    return made


def written(directory: Path, name: str, content: bytes = b"[Batch]\n") -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)


def test_a_good_unit_says_nothing(tmp_path: Path, loader: Loader, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "good.batch", b"\xff")
    assert verify([path], Output()) == 0
    assert capsys.readouterr() == ("", "")
    assert loader.loaded == [(Kind.BATCH, "good", [(path, b"\xff")])]


@pytest.mark.parametrize(("severity", "status"), [(Severity.WARNING, 0), (Severity.ERROR, 1)])
def test_a_problem_is_shown_with_its_place_and_only_an_error_exits_1(
    tmp_path: Path, loader: Loader, severity: Severity, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    loader.problems["odd"] = (Problem("odd.workorder", 3, "Size", severity, "what is wrong\x1b"),)
    assert verify([written(tmp_path, "odd.workorder")], Output()) == status
    assert capsys.readouterr().out == f"odd.workorder:3: {severity}: Size: what is wrong\\x1b\n"


def test_every_file_is_checked_also_after_one_that_cannot_be_read(
    tmp_path: Path, loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(tmp_path, "good.workorder")
    assert verify([str(tmp_path / "none.batch"), str(tmp_path), "name.service", good], Output()) == 1
    missing, directory, suffix = capsys.readouterr().out.splitlines()
    assert missing.endswith("none.batch: error: cannot be read: No such file or directory")
    for line in (directory, suffix):
        assert "not a unit; its name must end in .workorder or .batch, or" in line
    assert [name for _, name, _ in loader.loaded] == ["good"]


def test_json_is_a_list_of_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(["name.service"], Output(json=Json.SHORT)) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert (problem["path"], problem["line"], problem["severity"]) == ("name.service", 0, "error")


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.batch")
    assert verify([str(tmp_path / "pipe.batch")], Output()) == 1
    assert "pipe.batch: error: cannot be read: it is not a regular file" in capsys.readouterr().out


def test_what_masks_a_unit_is_fine(tmp_path: Path, loader: Loader, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "link.batch").symlink_to("/dev/null")
    assert verify([str(tmp_path / "link.batch"), written(tmp_path, "empty.batch", b"")], Output()) == 0
    assert capsys.readouterr().out == ""
    assert loader.loaded == []


def test_no_more_is_read_than_a_unit_may_have(tmp_path: Path, loader: Loader) -> None:
    path = tmp_path / "huge.batch"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    verify([str(path)], Output())
    ((_, _, [(_, text)]),) = loader.loaded
    assert len(text) == MAX_BYTES + 1


def test_with_strict_a_warning_exits_1(tmp_path: Path, loader: Loader) -> None:
    loader.problems["odd"] = (Problem("odd.batch", 3, "Colour", Severity.WARNING, "is unknown"),)
    assert verify([written(tmp_path, "odd.batch")], Output(), strict=True) == 1


def test_how_much_is_wrong_is_said_beside_the_problems(
    tmp_path: Path, loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    loader.problems["odd"] = (
        Problem("odd.batch", 3, "Size", Severity.ERROR, "'big' is no size"),
        Problem("odd.batch", 4, "Colour", Severity.WARNING, "is unknown"),
    )
    verify([written(tmp_path, "odd.batch")], Output())
    assert capsys.readouterr().err == "1 error, 1 warning; a unit with an error is refused.\n"


def dropin(directory: Path, name: str) -> str:
    (directory / "good.batch.d").mkdir(exist_ok=True)
    return written(directory / "good.batch.d", name)


def test_a_unit_is_checked_with_the_dropins_beside_it(tmp_path: Path, loader: Loader) -> None:
    unit, second, first = written(tmp_path, "good.batch"), dropin(tmp_path, "20.conf"), dropin(tmp_path, "10.conf")
    dropin(tmp_path, ".hidden.conf")
    assert verify([unit], Output()) == 0
    ((kind, name, sources),) = loader.loaded
    assert (kind, name, [path for path, _ in sources]) == (Kind.BATCH, "good", [unit, first, second])


def test_a_dropin_is_checked_with_its_unit(tmp_path: Path, loader: Loader) -> None:
    unit, own, other = written(tmp_path, "good.batch"), dropin(tmp_path, "20.conf"), dropin(tmp_path, "10.conf")
    assert verify([own], Output()) == 0
    ((_, name, sources),) = loader.loaded
    assert (name, [path for path, _ in sources]) == ("good", [unit, other, own])


def test_a_dropin_of_no_unit_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([dropin(tmp_path, "10.conf")], Output()) == 1
    assert "error: there is no unit good.batch that it changes" in capsys.readouterr().out


def test_what_a_unit_and_its_dropin_have_in_common_is_told_once(
    tmp_path: Path, loader: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    loader.problems["good"] = (Problem("good.batch", 3, "Size", Severity.ERROR, "'big' is no size"),)
    verify([written(tmp_path, "good.batch"), dropin(tmp_path, "10.conf")], Output())
    assert len(capsys.readouterr().out.splitlines()) == 1
