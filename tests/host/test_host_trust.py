# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which files nobody but root can have changed; here it is whoever runs the tests instead of root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sd_taskpacker.host.trust import Trust
from sd_taskpacker.host.unitdirs import UnitDirectories
from sd_taskpacker.model.unit import Kind

STRANGER = 4242


def flaw(path: Path) -> str | None:
    return Trust(os.geteuid()).flaw(str(path))


@pytest.fixture
def units() -> Iterator[Path]:
    """A unit directory with a good unit; what it has is named in full, so nothing on the way is a link."""
    with TemporaryDirectory(dir="/var/tmp") as base:
        place = Path(base).resolve() / "etc/units"
        place.mkdir(parents=True)
        (place / "a.batch").write_text("[Batch]\nExec=/bin/true\n")
        (place / "a.batch.d").mkdir()
        (place / "a.batch.d/b.conf").write_text("[Batch]\nSize=tiny\n")
        yield place


def test_what_is_roots_alone_is_trusted(units: Path) -> None:
    assert flaw(units / "a.batch") is None
    assert flaw(units / "a.batch.d/b.conf") is None
    assert flaw(units / "missing.batch") is None


CHANGES: dict[str, Callable[[Path], None]] = {
    "a.batch": lambda path: path.chmod(0o664),
    "a.batch ": lambda path: path.chmod(0o646),
    "a.batch  ": lambda path: os.chown(path, STRANGER, 0),
    "": lambda path: path.chmod(0o775),
    "..": lambda path: path.resolve().chmod(0o757),
    "../": lambda path: os.chown(path.resolve(), STRANGER, 0),
    "a.batch.d": lambda path: path.chmod(0o777),
    "a.batch.d/b.conf": lambda path: path.chmod(0o666),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_unit_that_others_can_write_anywhere_on_the_way_is_refused_and_can_be_used_once_that_is_mended(
    units: Path, name: str
) -> None:
    directories = UnitDirectories([units], trust=lambda: Trust(os.geteuid()))
    path = units / name.strip()
    before = path.stat()
    CHANGES[name](path)
    catalogue = directories.refresh()
    assert catalogue.find(Kind.BATCH, "a") is None
    (refused,) = catalogue.refused
    assert f"{path.resolve()} " in str(refused.problems[0])
    assert "chmod go-w" in str(refused.problems[0]) or "chown root" in str(refused.problems[0])
    path.resolve().chmod(before.st_mode)
    os.chown(path, before.st_uid, before.st_gid)
    assert directories.refresh().find(Kind.BATCH, "a") is not None


def test_a_link_is_followed_and_all_that_it_passes_has_to_be_roots(units: Path) -> None:
    elsewhere = units.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.batch").write_text("")
    (units / "b.batch").symlink_to("../elsewhere/b.batch")
    (units / "c.batch").symlink_to(elsewhere / "b.batch")
    assert (flaw(units / "b.batch"), flaw(units / "c.batch")) == (None, None)
    elsewhere.chmod(0o777)
    for name in ("b.batch", "c.batch"):
        assert str(flaw(units / name)).startswith(f"{elsewhere} can be written")
    os.chown(units / "c.batch", STRANGER, 0, follow_symlinks=False)
    assert str(flaw(units / "c.batch")).startswith(f"{units / 'c.batch'} belongs to uid {STRANGER}")


def test_a_mask_is_roots_word_too_and_a_link_to_itself_is_left_to_who_reads_it(units: Path) -> None:
    (units / "masked.batch").symlink_to("/dev/null")
    (units / "loop.batch").symlink_to("loop.batch")
    assert (flaw(units / "masked.batch"), flaw(units / "loop.batch")) == (None, None)


def test_in_a_sticky_directory_it_counts_whose_the_file_is(units: Path) -> None:
    units.chmod(0o1777)
    assert flaw(units / "a.batch") is None
    os.chown(units / "a.batch", STRANGER, 0)
    assert flaw(units / "a.batch") is not None


def _leave_the_place_to_all(path: Path) -> None:
    path.unlink()
    path.parent.chmod(0o1777)


def _lead_to_such_a_place(path: Path) -> None:
    path.unlink()
    path.symlink_to("/var/tmp/nothing-of-this-name")


ENVIRONMENT_CHANGES: dict[str, Callable[[Path], None]] = {
    "is another's": lambda path: os.chown(path, STRANGER, 0),
    "can be written": lambda path: path.chmod(0o666),
    "is missing where everybody makes files": _leave_the_place_to_all,
    "is a link into such a place": _lead_to_such_a_place,
}


@pytest.mark.parametrize("change", ENVIRONMENT_CHANGES)
def test_a_unit_whose_environment_others_can_write_is_refused_also_when_they_can_since_a_moment(
    units: Path, change: str
) -> None:
    """What is in there also holds for what root runs at the task's end."""
    file = units.parent / "conf/a.env"
    file.parent.mkdir()
    file.write_text("A=1\n")
    (units / "a.batch.d/b.conf").write_text(f"[Service]\nEnvironmentFile=-{file}\n")
    directories = UnitDirectories([units], trust=lambda: Trust(os.geteuid()))
    assert directories.refresh().find(Kind.BATCH, "a") is not None
    ENVIRONMENT_CHANGES[change](file)
    catalogue = directories.refresh()
    assert catalogue.find(Kind.BATCH, "a") is None
    (problem,) = catalogue.refused[0].problems
    assert (problem.key, problem.path) == ("EnvironmentFile", str(units / "a.batch"))
    assert UnitDirectories([units]).refresh().find(Kind.BATCH, "a") is not None


def test_an_environment_file_of_root_may_be_missing_but_is_not_a_pattern(units: Path) -> None:
    directories = UnitDirectories([units], trust=lambda: Trust(os.geteuid()))
    dropin = units / "a.batch.d/b.conf"
    dropin.write_text(f"[Service]\nEnvironmentFile=-{units.parent}/missing\n")
    assert directories.refresh().find(Kind.BATCH, "a") is not None
    dropin.write_text("[Service]\nEnvironmentFile=/home/*/env\n")
    assert directories.refresh(force=True).find(Kind.BATCH, "a") is None
