# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task with a root directory of its own, and what PID 1 runs after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.machine import Machine

pytestmark = pytest.mark.needs_root

JAIL = (
    "[Batch]\nExec=/bin/sh -c 'pwd; ls -d /home; exit 7'\nSize=tiny\nCPUs=0\n"
    "[Service]\nRootDirectory={}\nBindReadOnlyPaths=/bin /lib /lib64 /usr\n"
)


def test_the_end_of_a_task_in_a_root_of_its_own_is_known(machine: Machine) -> None:
    jail = Path(machine.directory("jail"))
    machine.write_unit("jailed.batch", JAIL.format(jail))
    task = machine.run("jailed")
    assert (task["result"], task["exit_status"]) == ("exit-code", 7), task
    output = machine.output(task)
    assert output.startswith(task["directory"] + "\n"), output
    assert "'/home': No such file" in output, output
    assert not (jail / "run/sd-taskpacker").exists()
