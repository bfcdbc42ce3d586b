# SPDX-License-Identifier: LGPL-2.1-or-later
"""The README's tour: whoever types it, in the order in which it is written, sees what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from dbus_next import Variant

from tests.system.literal import Command, blocks, commands, section
from tests.system.machine import STATE, UNITS, Machine
from tests.system.typed import INTERRUPT, Typed, typed

pytestmark = pytest.mark.needs_root

README: Final = Path(__file__).parents[2] / "README.rst"
UNIT: Final = "massif.batch"
TICK: Final = "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n"
GOES_ON: Final = {
    "busctl monitor": r"Member=BatchComplete",
    "taskpackerctl watch": r"running +massif@",
    "taskpackerctl top": r"massif@",
}
"""What is ended with Ctrl-C, and what it must have printed before that."""
STATUSES: Final = {"taskpackerctl status massif": 3}
"""The others exit with 0. A task that has ended does not run, which is what `status` of it says."""
WORDS: Final = {
    "taskpackerctl submit massif target=/usr/bin/perl --follow": r"This is perl",
    "taskpackerctl submit massif target=/usr/bin/perl --dry-run": r"^ *Verdict: now$",
    "taskpackerctl status massif": r"This is perl|^Python 3",
    "taskpackerctl logs": r"(?s)^Python 3|This is perl.*Journal of massif@",
    "taskpackerctl stats": r"^run time +[1-9]",
    "taskpackerctl list-units": r"^massif +batch +yes ",
    "taskpackerctl cat": r"^Exec=/usr/bin/valgrind ",
    "taskpackerctl list": r"^massif@.*waiting",
    "taskpackerctl why": r"drain",
    "taskpackerctl plan": r"^Plan at ",
    "taskpackerctl status ": r"drained",
    "taskpackerctl retry": r"^massif@",
    "journalctl -x": r"TASKPACKER_TASK|massif@",
    "journalctl -u": r"No entries|oom-kill",
}
"""What is seen of it, beside what the README shows; by the beginning of the command, the longest one that fits."""


class Tour:
    """Who types it, and what goes on in the other terminals meanwhile."""

    def __init__(self, machine: Machine, directory: Path, open_: ExitStack) -> None:
        self._machine = machine
        self._directory = directory
        self._open = open_
        self._today = f"{datetime.now(UTC):%Y%m%d}"
        self._first = first_number(machine, self._today)
        self._going: list[tuple[str, Typed]] = []

    def type(self, command: Command) -> None:
        text = self.dated(command.text)
        going = next((each for each in GOES_ON if text.startswith(each)), None)
        one = self._open.enter_context(typed(text, self._directory))
        if going is None:
            status = one.end()
            self._check(text, status, one.printed, [self.dated(line) for line in command.shown])
            return
        self._going.append((going, one))
        tells_of_changes = going == "taskpackerctl watch"
        self._machine.wait(lambda: bool(one.printed) or (tells_of_changes and self._happens()), f"'{text}' begins")

    def leave(self) -> None:
        """Ctrl-C in the other terminals."""
        for name, one in self._going:
            self._machine.wait(partial(_tells, one, GOES_ON[name]), f"{name} tells {GOES_ON[name]}")
            assert one.running, f"{name} has ended by itself:\n{one.printed}"
            one.press(INTERRUPT)
            assert one.end() == 130, one.printed

    def _happens(self) -> bool:
        """Who only tells of changes has nothing to tell until there is one. Always false."""
        self._machine.run("tick")
        return False

    def _check(self, text: str, status: int, printed: str, shown: list[str]) -> None:
        said = f"$ {text}\n{printed}"
        assert status == next((each for start, each in STATUSES.items() if text.startswith(start)), 0), said
        assert [line for line in shown if line not in printed.splitlines()] == [], said
        longest = max((start for start in WORDS if text.startswith(start)), key=len, default=None)
        assert longest is None or found(WORDS[longest], printed), said

    def dated(self, text: str) -> str:
        """As it is today, on a machine that may have run others of that name before."""
        return re.sub(r"@\d{8}\.(\d+)", lambda id_: f"@{self._today}.{self._first + int(id_[1])}", text)


def first_number(machine: Machine, day: str) -> int:
    """Of the next task of that name."""
    every = {"root": Variant("s", "massif"), "state": Variant("as", ["waiting", "running", "complete", "failed"])}
    versions = [task["id"].partition("@")[2].split(".") for task in machine.call("ListTasks", "a{sv}", every)]
    return max((int(number) + 1 for of, number in versions if of == day), default=0)


def _tells(one: Typed, pattern: str) -> bool:
    return found(pattern, one.printed)


def found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.MULTILINE) is not None


def tour() -> list[str]:
    return list(blocks(section(README.read_text(), "A tour")))


def listed(block: str) -> Iterator[tuple[str, list[str]]]:
    """Directories that a block shows, and the files in them."""
    directory, *rest = block.splitlines()
    if directory.startswith(f"{STATE}/"):
        yield directory, [line.split()[0] for line in rest]


def test_the_tour_of_the_readme_comes_out_as_it_is_written(machine: Machine, tmp_path: Path) -> None:
    shown = tour()
    assert shown[0].startswith("[Unit]\n")
    machine.write_file(str(tmp_path / UNIT), shown[0])
    machine.write_unit(UNIT, "")  # The tour puts it there; the machine takes it away after the test.
    (UNITS / UNIT).unlink()
    machine.write_unit("tick.batch", TICK)
    with ExitStack() as open_:
        open_.callback(machine.call, "Resume", "")  # However far it came, the next test finds nothing drained.
        who = Tour(machine, tmp_path, open_)
        typed_in = 0
        for block in shown:
            for command in commands(block):
                who.type(command)
                typed_in += 1
        who.leave()
    assert typed_in == sum(line.startswith("$ ") for block in shown for line in block.splitlines()) > 20
    for directory, files in (each for block in shown for each in listed(block)):
        there = Path(who.dated(directory))
        assert {each.name for each in there.iterdir()} >= set(files)
