# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from sd_taskpacker.bus.command_line import SHELL, VARIABLE, carried, exec_start
from sd_taskpacker.bus.properties import transient
from tests.bus.builders import a_task

AWKWARD = (
    "/usr/bin/printf",
    "%s|",
    "$HOME",
    "a;b",
    "it's",
    'say "x"',
    "back\\slash",
    "two\nlines\n",
    "`id`",
    "",
    "é",
)


def _words(argv: tuple[str, ...]) -> list[str]:
    [[path, words, ignored]] = exec_start(argv).data
    assert (path, ignored) == (words[0], False)
    return [str(word) for word in words]


def test_a_plain_command_goes_by_itself() -> None:
    argv = ("/bin/echo", "a b", '"', "%n", "\\")
    assert _words(argv) == list(argv)
    assert carried(argv) == []


@pytest.mark.parametrize("word", ["$HOME", "a;b"])
def test_what_a_reload_would_change_is_in_no_word_of_the_unit(word: str) -> None:
    argv = ("/bin/echo", word)
    assert _words(argv) == list(SHELL)
    assert not {"$", ";"} & set("".join(SHELL))
    properties: dict[str, Any] = {name: value.data for name, value in transient(a_task(argv=argv))}
    assert [each for each in properties["Environment"] if each.startswith(f"{VARIABLE}=")] == carried(argv)


def test_the_shell_becomes_exactly_the_command_and_leaves_no_variable() -> None:
    name, _, text = carried(AWKWARD)[0].partition("=")
    done = subprocess.run(SHELL, env={**os.environ, name: text}, capture_output=True, text=True, check=True)
    assert done.stdout == "".join(f"{word}|" for word in AWKWARD[2:])
    name, _, text = carried(("/usr/bin/env", "X=$"))[0].partition("=")
    done = subprocess.run(SHELL, env={name: text}, capture_output=True, text=True, check=True)
    assert "X=$\n" in done.stdout
    assert VARIABLE not in done.stdout


@pytest.mark.parametrize("word", ["$\r", "$" * (128 << 10)], ids=["control character", "very long"])
def test_what_no_variable_can_hold_goes_by_itself(word: str) -> None:
    assert _words(("/bin/echo", word)) == ["/bin/echo", word.replace("$", "$$")]
