# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the machine's instance and a user's own have in common: how they start, and what they say of themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from systemd import journal

from tests.system.machine import CTL, SERVICE, STATE, USER, Machine


def test_a_call_starts_the_daemon(machine: Machine) -> None:
    machine.systemctl("stop", SERVICE)
    assert machine.property("Version")
    assert machine.show(SERVICE, "ActiveState") == "active"


def test_one_command_submits_waits_and_leaves_its_results(machine: Machine) -> None:
    machine.write_unit("one.batch", "[Batch]\nExec=/bin/echo done\nSize=tiny\nCPUs=0\n")
    done = subprocess.run([*CTL, "submit", "one", "--wait"], capture_output=True, text=True, check=True)
    name, version = done.stdout.split()[0].split("@")
    assert (STATE / name / f"@{version}/results/output.txt").read_text() == "done\n"


def test_logs_believe_systemd_and_the_service_and_not_whoever_says_the_same(machine: Machine) -> None:
    machine.write_unit("one.batch", "[Batch]\nExec=/bin/false\nSize=tiny\nCPUs=0\n")
    done = subprocess.run([*CTL, "submit", "one", "--wait"], capture_output=True, text=True, check=False)
    task_id = done.stdout.strip()
    found = json.loads(subprocess.run([*CTL, "show", task_id, "--json"], capture_output=True, check=True).stdout)
    unit = found["systemd_unit"]
    journal.send(f"{task_id}: forged")
    journal.send("forged", TASKPACKER_TASK=task_id, UNIT=unit, USER_UNIT=unit)

    def sources() -> set[str]:
        return {each["source"].partition("[")[0] for each in told()}

    def told() -> list[dict[str, str]]:
        shown = subprocess.run([*CTL, "logs", task_id, "--json"], capture_output=True, text=True, check=True)
        return list(json.loads(shown.stdout)["journal"])

    def kept() -> str:
        return subprocess.run(
            ["journalctl", f"TASKPACKER_TASK={task_id}"], capture_output=True, text=True, check=False
        ).stdout

    machine.wait(lambda: "forged" in kept(), "the journal has what is forged")
    machine.wait(lambda: {"systemd", "sd-taskpacker"} <= sources(), "and what is not")
    assert not any("forged" in each["message"] for each in told())


def test_what_the_kernel_does_not_hold_tasks_to_is_told(machine: Machine) -> None:
    """A user's manager has what is delegated to it: on cgroup v1 nothing."""
    own = machine.systemctl("show", "--value", "--property=ControlGroup").strip()
    delegated = Path(f"/sys/fs/cgroup{own}/cgroup.controllers")
    has = delegated.read_text().split() if delegated.exists() else [] if USER else ["memory", "cpu"]
    missing = [name for name in ("memory", "cpu") if name not in has]
    assert machine.property("NotEnforced") == missing
    shown = subprocess.run([*CTL, "show", "--json=short"], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["NotEnforced"] == missing
    machine.wait(
        lambda: ("no limits on" in machine.show(SERVICE, "StatusText")) == bool(missing), "systemctl status says so"
    )
