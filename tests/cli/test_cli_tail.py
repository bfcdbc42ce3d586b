# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from sd_taskpacker.cli.tail import Tail, last_lines


def read(tail: Tail) -> tuple[bytes, list[str]]:
    found = list(tail.rest())
    return b"".join(data for data, _ in found), [wrong for _, wrong in found if wrong]


def grow(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_what_is_appended_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"a\n")
    tail = Tail(str(path))
    assert read(tail) == (b"a\n", [])
    assert read(tail) == (b"", [])
    grow(path, b"b")
    assert read(tail) == (b"b", [])
    tail.close()


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    tail = Tail(str(path))
    assert tail.more() == (b"", "")
    path.write_bytes(b"x")
    assert read(tail) == (b"x", [])
    tail.close()


def test_at_the_end_it_is_missed(tmp_path: Path) -> None:
    tail = Tail(str(tmp_path / "output.txt"))
    assert read(tail) == (b"", [f"{tail.path} is not there"])


@pytest.mark.parametrize(
    ("lines", "shown"),
    [(0, b""), (1, b"last\n"), (2, b"\nlast\n"), (3, b"first\n\nlast\n"), (9, b"first\n\nlast\n")],
)
def test_it_may_begin_with_the_last_lines(tmp_path: Path, lines: int, shown: bytes) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"first\n\nlast\n")
    tail = Tail(str(path), lines=lines)
    assert read(tail)[0] == shown
    grow(path, b"new")
    assert read(tail)[0] == b"new"
    tail.close()


def test_lines_may_be_long_and_the_last_one_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"x" * 200_000 + b"\n" + b"y" * 200_000 + b"\nz")
    tail = Tail(str(path), lines=2)
    assert read(tail)[0] == b"y" * 200_000 + b"\nz"
    tail.close()


def test_a_file_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"old\n")
    tail = Tail(str(path), lines=1)
    read(tail)
    (tmp_path / "new").write_bytes(b"1\n2\n")
    (tmp_path / "new").rename(path)
    assert read(tail) == (b"", [f"{path} was replaced; this is the new one"])
    assert read(tail) == (b"1\n2\n", [])
    tail.close()


def test_a_file_that_was_cut_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"long\n")
    tail = Tail(str(path))
    read(tail)
    path.write_bytes(b"s\n")
    assert read(tail) == (b"", [f"{path} was cut short; this is its new beginning"])
    assert read(tail) == (b"s\n", [])
    tail.close()


def test_a_removal_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.write_bytes(b"x")
    tail = Tail(str(path))
    read(tail)
    path.unlink()
    assert tail.more() == (b"", f"{path} was removed")
    assert tail.more() == (b"", "")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/hostname", path)])
def test_only_a_file_is_read_and_nothing_waited_for(tmp_path: Path, make: object) -> None:
    assert callable(make)
    path = tmp_path / "output.txt"
    make(path)
    tail = Tail(str(path))
    data, wrong = tail.more()
    assert data == b""
    assert wrong.startswith(f"{path} cannot be read: ")
    assert tail.more() == (b"", "")


@pytest.mark.parametrize(
    ("content", "lines", "shown"),
    [
        (b"", 3, []),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb", 5, ["a", "b"]),
        (b"\n\n", 5, ["", ""]),
        (b"\xff\n", 1, ["\ufffd"]),
        (b"a\n", 0, []),
    ],
)
def test_the_last_lines_of_a_file(tmp_path: Path, content: bytes, lines: int, shown: list[str]) -> None:
    (tmp_path / "file").write_bytes(content)
    assert last_lines(str(tmp_path / "file"), lines) == shown


def test_a_huge_file_is_read_from_its_end(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.seek(1 << 40)
        file.write(b"\nlast\n")
    assert last_lines(str(tmp_path / "file"), 1) == ["last"]


def test_a_link_or_a_fifo_in_the_place_of_the_output_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo"):
        with pytest.raises(OSError, match="."):
            last_lines(str(tmp_path / name), 1)
