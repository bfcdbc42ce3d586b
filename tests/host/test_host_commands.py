# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.engine.ports import NoRoom
from sd_taskpacker.host.commands import FILE, CommandFiles, quoted
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.task import Task
from tests.engine.builders import task

PROGRAM = "/bin/sh"


def _task(*words: str, name: str = "job") -> Task:
    return dataclasses.replace(task(name, "1"), argv=(PROGRAM, *words))


def _file(directory: Path, of: Task) -> Path:
    return directory / f"{of.id.unit_name}.d" / FILE


def test_a_command_that_systemd_would_garble_is_written_and_removed(tmp_path: Path) -> None:
    commands, garbled = CommandFiles(tmp_path), _task("-c", "echo $HOME; exit 3")
    commands.write(garbled)
    assert _file(tmp_path, garbled).read_text().splitlines()[-1] == 'ExecStart=:"/bin/sh" "-c" "echo $HOME; exit 3"'
    commands.remove(garbled.id)
    assert list(tmp_path.iterdir()) == []


def test_another_one_leaves_nothing_and_removing_nothing_is_fine(tmp_path: Path) -> None:
    commands, plain = CommandFiles(tmp_path), _task("-c", "exit 3")
    commands.write(plain)
    commands.remove(plain.id)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_an_earlier_try_is_replaced(tmp_path: Path) -> None:
    commands = CommandFiles(tmp_path)
    for word in ("$a", "$b"):
        commands.write(_task(word))
    assert '"$b"' in _file(tmp_path, _task("$b")).read_text()


def test_a_name_that_leaves_no_room_for_a_directory_goes_the_other_way(tmp_path: Path) -> None:
    long = dataclasses.replace(_task("$a"), id=TaskId("j" * 230, "1"))
    assert len(long.id.unit_name) > 242
    while len(long.id.unit_name) <= 253:
        long = dataclasses.replace(long, id=TaskId(long.id.name + "j", "1"))
    CommandFiles(tmp_path).write(long)
    assert list(tmp_path.iterdir()) == []


def test_a_full_file_system_is_no_room_and_not_the_end_of_a_task(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with patch.object(Path, "write_text", side_effect=full), pytest.raises(NoRoom, match="No space left"):
        CommandFiles(tmp_path).write(_task("$a"))


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_it_is_read_back_word_for_word(words: list[str]) -> None:
    assert split_words(quoted(words).replace("%%", "%")) == tuple(words)
