# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work directories on a disk that is full or read-only, and those that nobody remembers."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from sd_taskpacker.engine.ports import NoRoom
from sd_taskpacker.host.workdir import WorkDirectories
from tests.host.test_host_workdir import listing, prepared, task


def _refuse(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refused)


@pytest.mark.parametrize("call", ["mkdir", "open", "fchmod"])
def test_a_directory_that_finds_no_room_may_be_made_later_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    one = task(tmp_path)
    with monkeypatch.context() as patch:
        _refuse(patch, call, errno.ENOSPC)
        with pytest.raises(NoRoom, match=f"{tmp_path}: No space left on device; free some space") as refused:
            WorkDirectories(tmp_path).prepare(one)
    assert refused.value.ours
    assert listing(tmp_path) == set()
    WorkDirectories(tmp_path).prepare(one).close()


def test_that_there_is_no_room_somewhere_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, "mkdir", errno.ENOSPC)
    with pytest.raises(NoRoom) as refused:
        WorkDirectories(tmp_path / "state").prepare(task(tmp_path / "elsewhere"))
    assert not refused.value.ours


def test_a_quota_that_is_used_up_passes_and_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, "fchmod", errno.EDQUOT)
    with pytest.raises(NoRoom, match="raise the quota") as refused:
        WorkDirectories(tmp_path).prepare(task(tmp_path))
    assert not refused.value.ours


def test_read_only_passes_in_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, "mkdir", errno.EROFS)
    with pytest.raises(NoRoom, match="Read-only file system; remount its file system writable"):
        WorkDirectories(tmp_path).prepare(task(tmp_path))


def test_where_the_service_was_never_allowed_to_write_it_is_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(monkeypatch, "mkdir", errno.EROFS)
    with pytest.raises(OSError, match="only with ReadWritePaths="):
        WorkDirectories(tmp_path / "state").prepare(task(tmp_path / "elsewhere"))


def test_a_record_that_finds_no_room_may_be_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, one, work = prepared(tmp_path)
    with monkeypatch.context() as patch:
        _refuse(patch, "rename", errno.ENOSPC)
        with pytest.raises(NoRoom):
            WorkDirectories(tmp_path).seal(one)
    assert listing(work / "results") == {"output.txt"}
    WorkDirectories(tmp_path).seal(one)
    assert listing(work / "results") == {"output.txt", "task.json"}


@pytest.mark.parametrize(
    ("made", "newest"),
    [
        ([], None),
        (["@20261121.9", "@20261121.10", "@20261120.11"], ("20261121", 10)),
        (["@v1", "20261121.5", "massif", "@20261121.007"], None),
    ],
)
def test_the_newest_directory_of_our_own_versions_is_found(
    tmp_path: Path, made: list[str], newest: tuple[str, int] | None
) -> None:
    for name in made:
        (tmp_path / "massif" / name).mkdir(parents=True)
    assert WorkDirectories().newest(str(tmp_path), "build/massif") == newest


def test_directories_that_are_not_there_have_no_newest(tmp_path: Path) -> None:
    assert WorkDirectories().newest(str(tmp_path / "nowhere"), "build") is None
