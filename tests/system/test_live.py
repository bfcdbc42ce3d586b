# SPDX-License-Identifier: LGPL-2.1-or-later
"""taskpackerctl's verbs that go on: waiting, following and watching, against the real service and journal."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, CompletedProcess, Popen

import pytest

from tests.system.machine import SERVICE, Machine

pytestmark = pytest.mark.needs_root

COUNT = 1000
ENDS = """\
[Batch]
Exec=/bin/sh -c 'echo out of "$$1"; test "$$1" != 7 || exit 3' sh ${number}
Size=tiny
CPUs=0
[Parameter]
Name=number
Type=int
Default=0
"""
HELD = """\
[Batch]
Exec=/bin/sh -c 'echo begun; while [ ! -e "$$1" ]; do sleep 0.05; done; echo done; exit 4' sh ${until}
Size=tiny
CPUs=0
[Parameter]
Name=until
Type=string
[Service]
PrivateTmp=no
"""


def _ctl(*words: str) -> CompletedProcess[str]:
    return subprocess.run(["taskpackerctl", *words], capture_output=True, text=True, check=False)


def _line(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@contextmanager
def _going(*words: str) -> Iterator[Popen[str]]:
    """Goes no longer than the block, however that ends."""
    with Popen(["taskpackerctl", *words], stdout=PIPE, stderr=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_wait_for_many_tasks_ends_with_the_right_status_though_the_service_restarts(machine: Machine) -> None:
    machine.write_unit("ends.batch", ENDS)
    with _going("submit", "ends", "--wait", *(f"number={number}" for number in range(COUNT))) as process:
        first = _line(process).strip()
        machine.wait(lambda: machine.task(first)["state"] == "complete", f"{first} ends")
        machine.systemctl("restart", SERVICE)
        _, said = process.communicate()
    ends = [each for each in said.splitlines() if each.startswith("ends@") and " goes on " not in each]
    assert (process.returncode, len(ends)) == (1, COUNT), said
    assert [each.partition(" ")[2] for each in ends if "failed" in each] == ["failed: exit-code, status 3"]


def test_output_is_followed_over_a_restart_and_the_status_is_the_tasks_own(machine: Machine) -> None:
    machine.write_unit("held.batch", HELD)
    until = f"{machine.directory('until')}/end"
    with _going("submit", "held", "--follow", f"until={until}") as process:
        assert _line(process).startswith("held@")
        assert _line(process) == "begun\n"
        machine.systemctl("restart", SERVICE)
        machine.write_file(until, "")
        output, said = process.communicate()
    assert (process.returncode, output) == (4, "done\n"), said


def test_logs_are_the_output_and_what_systemd_and_the_service_say(machine: Machine) -> None:
    machine.write_unit("ends.batch", ENDS)
    task_id = _ctl("submit", "ends", "number=7", "--wait").stdout.strip()
    machine.closed(task_id)

    def journal() -> list[str]:
        found = json.loads(_ctl("logs", task_id, "--json").stdout)["journal"]
        return [each["source"].partition("[")[0] for each in found]

    machine.wait(lambda: {"systemd", "sd-taskpacker"} <= set(journal()), "the journal has it all")
    shown = _ctl("logs", task_id).stdout.splitlines()
    assert shown[0].startswith(f"-- {task_id} failed: exit-code, status 3; ended ")
    assert "out of 7" in shown
    assert any("Failed with result 'exit-code'" in each for each in shown)


def _watches(process: Popen[str], machine: Machine) -> None:
    """Until it does: what happened before it began is not told."""
    assert process.stdout is not None
    machine.write_unit("ends.batch", ENDS)
    while not select.select([process.stdout], [], [], 0)[0]:
        machine.run("ends")


def test_a_watch_tells_what_the_service_did_not(machine: Machine) -> None:
    machine.write_unit("held.batch", HELD)
    until = f"{machine.directory('until')}/end"
    with _going("watch", "--json") as process:
        _watches(process, machine)
        with _going("submit", "held", "--follow", f"until={until}") as other:
            held = _line(other).strip()
            assert _line(other) == "begun\n"
            machine.systemctl("stop", SERVICE)
            machine.write_file(until, "")
            assert _line(other) == "done\n"
            machine.systemctl("start", SERVICE)
            other.communicate()
        told = [json.loads(_line(process))]
        while told[-1]["id"] != held or told[-1]["state"] != "failed":
            told.append(json.loads(_line(process)))
    numbers = [each["sequence"] for each in told]
    assert numbers == sorted(set(numbers))
    assert (other.returncode, told[-1]["details"]["exit_status"]) == (4, 4)


def test_top_and_plan_tell_what_runs_without_a_terminal(machine: Machine) -> None:
    machine.write_unit("held.batch", HELD)
    until = f"{machine.directory('until')}/end"
    task_id = _ctl("submit", "held", f"until={until}").stdout.strip()
    assert task_id in _ctl("top").stdout
    shown = json.loads(_ctl("top", "--json").stdout)
    assert [each["id"] for each in shown["running"]] == [task_id]
    assert task_id in _ctl("plan").stdout
    machine.write_file(until, "")
    machine.closed(task_id)
