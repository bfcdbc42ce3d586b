# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sd_taskpacker.host.unitdirs import SYSTEM_DIRECTORIES, UnitDirectories, default_directories
from sd_taskpacker.model.problems import Severity
from sd_taskpacker.model.syntax import MAX_BYTES
from sd_taskpacker.model.unit import Catalogue, Kind, TaskUnit


@dataclass
class Disk:
    """Three unit directories, highest first, the lowest of which is missing at first."""

    base: Path
    written: int = 0
    units: UnitDirectories = field(init=False)

    def __post_init__(self) -> None:
        for name in ("etc", "run"):
            (self.base / name).mkdir()
        self.units = UnitDirectories([self.base / name for name in ("etc", "run", "usr")])

    def write(self, path: str, *lines: str) -> Path:
        """Each write has an mtime of its own, as if time had passed."""
        file = self.base / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n" if lines else "")
        self.written += 1
        os.utime(file, ns=(self.written * 10**9,) * 2)
        return file

    def batch(self, path: str, size: str = "small") -> Path:
        return self.write(path, "[Batch]", "Exec=/bin/true", f"Size={size}")

    def read(self) -> Catalogue:
        return self.units.refresh()

    def find(self, name: str = "a") -> TaskUnit | None:
        return self.read().find(Kind.BATCH, name)

    def chunks(self) -> int | None:
        unit = self.find()
        return None if unit is None else unit.chunks

    def problems(self) -> list[str]:
        return [str(one).removeprefix(str(self.base) + "/") for one in self.read().problems]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_a_file_is_usable_as_soon_as_it_is_there(disk: Disk) -> None:
    assert disk.find() is None
    disk.batch("usr/a.batch")
    unit = disk.find()
    assert unit is not None
    assert unit.path == str(disk.base / "usr/a.batch")


def test_both_kinds_may_have_one_name(disk: Disk) -> None:
    disk.batch("run/a.batch")
    disk.write("run/a.workorder", "[Workorder]", "Exec=/bin/true")
    assert list(disk.read().units) == [(Kind.BATCH, "a"), (Kind.WORKORDER, "a")]


def test_a_higher_directory_replaces_the_file(disk: Disk) -> None:
    disk.batch("run/a.batch", "large")
    disk.batch("etc/a.batch", "tiny")
    assert disk.chunks() == 1
    (disk.base / "etc/a.batch").unlink()
    assert disk.chunks() == 32


@pytest.mark.parametrize("mask", ["/dev/null", ""])
def test_a_link_to_dev_null_and_an_empty_file_mask(disk: Disk, mask: str) -> None:
    disk.batch("run/a.batch")
    assert disk.find() is not None
    if mask:
        (disk.base / "etc/a.batch").symlink_to(mask)
    else:
        disk.write("etc/a.batch")
    assert disk.read() == Catalogue()
    (disk.base / "etc/a.batch").unlink()
    assert disk.find() is not None


def test_drop_ins_of_all_directories_apply_in_order_of_their_names(disk: Disk) -> None:
    disk.batch("run/a.batch")
    disk.write("usr/a.batch.d/20.conf", "[Batch]", "Size=medium", "CPUs=7")
    disk.write("etc/a.batch.d/10.conf", "[Batch]", "Size=tiny", "Priority=5")
    unit = disk.find()
    assert unit is not None
    assert (unit.chunks, unit.cpus, unit.priority) == (8, 7, 5)


def test_of_drop_ins_of_one_name_the_higher_counts_and_can_mask(disk: Disk) -> None:
    disk.batch("run/a.batch")
    disk.write("run/a.batch.d/10.conf", "[Batch]", "Size=medium")
    disk.write("etc/a.batch.d/10.conf", "[Batch]", "Size=tiny")
    assert disk.chunks() == 1
    disk.write("etc/a.batch.d/10.conf")
    assert disk.chunks() == 4


def test_drop_ins_of_no_unit_are_a_warning(disk: Disk) -> None:
    disk.write("etc/b.batch.d/10.conf", "[Batch]", "Size=tiny")
    assert disk.problems() == ["etc/b.batch.d: warning: there is no unit b.batch that these drop-ins change"]


def test_what_is_not_a_unit_is_ignored(disk: Disk) -> None:
    for name in (
        ".a.batch",
        ".#a.batch",
        "a.batch~",
        "a.batch.swp",
        "#a.batch#",
        "README",
        "batch",
        ".batch",
        "a.timer",
    ):
        disk.write(f"etc/{name}", "nonsense")
    disk.batch("etc/a.batch")
    disk.write("etc/a.batch.d/10.conf~", "nonsense")
    disk.write("etc/a.batch.d/.10.conf", "nonsense")
    assert disk.problems() == []
    assert list(disk.read().units) == [(Kind.BATCH, "a")]


def test_the_same_catalogue_while_nothing_changes(disk: Disk) -> None:
    disk.batch("etc/a.batch")
    disk.write("etc/a.batch.d/1.conf", "[Batch]", "CPUs=2")
    first = disk.read()
    assert disk.read() is first
    disk.write("etc/a.batch.d/1.conf", "[Batch]", "CPUs=3")
    assert disk.read() is not first


def test_force_reads_everything_again(disk: Disk) -> None:
    disk.batch("etc/a.batch")
    first = disk.read()
    forced = disk.units.refresh(force=True)
    assert forced is not first
    assert forced == first


def test_a_link_whose_target_changes_is_read_again(disk: Disk) -> None:
    disk.batch("elsewhere/target", "tiny")
    (disk.base / "etc/a.batch").symlink_to(disk.base / "elsewhere/target")
    assert disk.chunks() == 1
    disk.batch("elsewhere/target", "large")
    assert disk.chunks() == 32


def test_bad_text_keeps_the_last_good_definition(disk: Disk) -> None:
    disk.batch("etc/a.batch", "tiny")
    assert disk.chunks() == 1
    disk.batch("etc/a.batch", "huge")
    catalogue = disk.read()
    assert disk.chunks() == 1
    (refused,) = catalogue.refused
    assert (refused.name, refused.kind, refused.problems) == ("a", Kind.BATCH, catalogue.problems)
    disk.batch("etc/a.batch", "bad again")
    assert disk.chunks() == 1
    disk.batch("etc/a.batch", "large")
    assert disk.chunks() == 32
    assert not disk.read().refused


def test_a_bad_drop_in_keeps_the_last_good_definition(disk: Disk) -> None:
    disk.batch("etc/a.batch", "tiny")
    assert disk.chunks() == 1
    disk.write("etc/a.batch.d/1.conf", "[Batch]", "Size=huge")
    assert disk.chunks() == 1
    assert disk.read().refused[0].problems[0].path.endswith("1.conf")


def test_a_removed_unit_is_forgotten_and_does_not_come_back_bad(disk: Disk) -> None:
    file = disk.batch("etc/a.batch")
    assert disk.find() is not None
    file.unlink()
    assert disk.find() is None
    disk.batch("etc/a.batch", "huge")
    assert disk.find() is None


def test_a_warning_does_not_refuse(disk: Disk) -> None:
    disk.write("etc/a.batch", "[Batch]", "Exec=/bin/true", "Zebra=1")
    catalogue = disk.read()
    assert disk.find() is not None
    assert [one.severity for one in catalogue.problems] == [Severity.WARNING]
    assert not catalogue.refused


def test_what_cannot_be_read_is_a_problem_and_blocks_nobody(disk: Disk) -> None:
    (disk.base / "etc/dangling.batch").symlink_to("nowhere")
    (disk.base / "etc/loop.batch").symlink_to("loop.batch")
    (disk.base / "etc/directory.batch").mkdir()
    os.mkfifo(disk.base / "etc/fifo.batch")
    disk.batch("etc/good.batch")
    assert disk.problems() == [
        "etc/dangling.batch: error: is a link to nothing; correct or remove it",
        "etc/directory.batch: error: is not a regular file; only files and links to files can be units",
        "etc/fifo.batch: error: is not a regular file; only files and links to files can be units",
        "etc/loop.batch: error: is a link that leads back to itself; correct or remove it",
    ]
    assert [one.name for one in disk.read().refused] == ["dangling", "directory", "fifo", "loop"]
    assert disk.find("good") is not None


def test_a_huge_file_is_refused_without_reading_it_whole(disk: Disk) -> None:
    file = disk.batch("etc/a.batch")
    os.truncate(file, 1 << 40)
    assert disk.problems() == [f"etc/a.batch: error: is larger than {MAX_BYTES >> 20} MiB; this is not a unit file"]


def test_a_unit_directory_that_is_a_file_is_a_problem(disk: Disk) -> None:
    disk.write("usr", "x")
    assert disk.problems() == ["usr: error: cannot be read: Not a directory"]


def test_a_file_name_that_is_not_text_is_shown_as_text(disk: Disk) -> None:
    file = os.fsencode(disk.base) + b"/etc/\xff.batch"
    with open(file, "w") as out:
        out.write("[Batch]\nExec=/bin/true\n")
    catalogue = disk.read()
    assert catalogue.refused[0].path.endswith("\\xff.batch")
    assert catalogue.refused[0].name.encode()


def test_the_search_path_of_the_system() -> None:
    assert default_directories(user=False, environ={"HOME": "/root"}) == SYSTEM_DIRECTORIES


def test_a_users_directories_come_first() -> None:
    environ = {"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/1", "XDG_DATA_HOME": "relative"}
    assert default_directories(user=True, environ=environ) == (
        Path("/home/u/.config/sd-taskpacker/units"),
        Path("/run/user/1/sd-taskpacker/units"),
        Path("/home/u/.local/share/sd-taskpacker/units"),
        *SYSTEM_DIRECTORIES,
    )
    assert default_directories(user=True, environ={}) == SYSTEM_DIRECTORIES


def placed(disk: Disk, file: str, directory: str) -> None:
    section = "Batch" if file.endswith(".batch") else "Workorder"
    disk.write(file, f"[{section}]", "Exec=/bin/true", f"Directory={directory}")


@pytest.mark.parametrize("directory", ["/srv/a", "/srv/a/deep/inside", "/srv"])
def test_of_two_units_whose_directories_clash_the_later_by_name_is_refused(disk: Disk, directory: str) -> None:
    placed(disk, "etc/b.workorder", "/srv/a")
    placed(disk, "run/c.batch", directory)
    catalogue = disk.read()
    assert list(catalogue.units) == [(Kind.WORKORDER, "b")]
    (refused,) = catalogue.refused
    (problem,) = refused.problems
    assert (refused.name, problem.key, problem.severity) == ("c", "Directory", Severity.ERROR)
    assert problem in catalogue.problems
    assert f"b.workorder ({disk.base}/etc/b.workorder)" in problem.message
    placed(disk, "etc/b.workorder", "/var/b")
    assert disk.find("c") is not None


def test_directories_that_only_begin_alike_do_not_clash(disk: Disk) -> None:
    placed(disk, "etc/a.batch", "/srv/a")
    placed(disk, "etc/b.batch", "/srv/ab")
    disk.batch("etc/c.batch")
    assert not disk.read().refused


def test_both_kinds_of_one_name_may_share_a_directory(disk: Disk) -> None:
    placed(disk, "etc/a.batch", "/srv/a")
    placed(disk, "etc/a.workorder", "/srv/a")
    assert len(disk.read().units) == 2


SERVICES_OWN = ("/var/lib/sd-taskpacker", "/run/sd-taskpacker")


@pytest.mark.parametrize(
    "directory",
    [
        "/var/lib/sd-taskpacker",
        "/var/lib/sd-taskpacker/b",
        "/var/lib",
        "/run/sd-taskpacker/ended",
        "/run/sd-taskpacker",
    ],
)
def test_a_directory_among_those_of_the_service_is_refused_while_its_own_may_be_said(
    disk: Disk, directory: str
) -> None:
    state, runtime = map(Path, SERVICES_OWN)
    disk.units = UnitDirectories([disk.base / "etc"], state=state, runtime=runtime)
    placed(disk, "etc/a.batch", directory)
    placed(disk, "etc/c.batch", "/var/lib/sd-taskpacker/c")
    disk.batch("etc/b.batch")
    catalogue = disk.read()
    assert [name for _, name in catalogue.units] == ["b", "c"]
    (refused,) = catalogue.refused
    assert (refused.name, refused.problems[0].key) == ("a", "Directory")
    assert "leave the key out" in refused.problems[0].message


@pytest.mark.parametrize("name", ["state.sqlite", "state.sqlite.new", "state.sqlite-wal"])
def test_a_unit_has_no_name_of_the_stores_files(disk: Disk, name: str) -> None:
    disk.batch(f"etc/{name}.batch")
    assert disk.find(name) is None
    assert "choose another" in disk.problems()[0]
