# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion in the shells themselves: units, parameters, values and ids as the service has them now."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.system.machine import BatchCall, Machine
from tests.system.typed import typed

pytestmark = pytest.mark.needs_root

UNIT: Final = """\
[Batch]
Exec=/bin/sleep 1000
Size=tiny
CPUs=0
[Parameter]
Name=what
Type=enum
Values=alpha beta
"""
BASH: Final = "exec bash --norc --noprofile -i", "source /usr/share/bash-completion/completions/taskpackerctl"
ZSH: Final = "exec zsh -f -i", "autoload -Uz compinit; compinit -u -D"
READY: Final = "rea''dy:"
"""A prompt that is not what is typed to get it."""


def _runs(machine: Machine) -> list[dict[str, Any]]:
    return [task for task in machine.running("completed") if task["state"] == "running"]


@pytest.mark.parametrize("shell", [BASH, ZSH], ids=["bash", "zsh"])
def test_a_command_that_was_completed_does_what_it_says(
    machine: Machine, tmp_path: Path, shell: tuple[str, str]
) -> None:
    machine.write_unit("completed.batch", UNIT)
    start, prepare = shell
    with typed(start, tmp_path) as line:
        line.press(f"{prepare}; PS1={READY}\r".encode())
        machine.wait(lambda: "ready:" in line.printed, f"the prompt of '{start}'")
        line.press(b"taskpackerctl submit compl\twh\tal\t\r")
        machine.wait(lambda: bool(_runs(machine)), "the task that was typed with tabs runs")
        (task,) = _runs(machine)
        assert task["parameters"] == {"what": "alpha"}, line.printed
        line.press(b"taskpackerctl kill compl\t\r")
        machine.wait(
            lambda: machine.task(task["id"])["state"] == "failed", "the id that was typed with a tab is killed"
        )


def _fish(text: str) -> list[str]:
    """What it offers, without what it says about that."""
    command = ["fish", "--command", "complete --do-complete $argv[1]", text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def test_fish_offers_units_parameters_values_and_ids(machine: Machine) -> None:
    machine.write_unit("completed.batch", UNIT)
    ((started, _),) = machine.batch_submit(BatchCall("completed", params={"what": "beta"}))
    assert _fish("taskpackerctl submit compl") == ["completed"]
    assert _fish("taskpackerctl submit completed wh") == ["what="]
    assert _fish("taskpackerctl submit completed what=") == ["what=alpha", "what=beta"]
    assert _fish("taskpackerctl kill compl") == started
