# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every other test here relies on: the machine is a real one, enforces limits, and is apart from the host."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.system.machine import Machine

pytestmark = pytest.mark.needs_root


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_systemd_is_pid_1_and_has_booted(machine: Machine) -> None:
    failed = machine.systemctl("--failed", "--plain", "--no-legend")
    assert Path("/proc/1/comm").read_text() == "systemd\n"
    assert _run("systemctl", "is-system-running").stdout == "running\n", failed


def test_the_tests_run_in_a_scope_of_the_machine(machine: Machine) -> None:
    cgroup = Path("/proc/self/cgroup").read_text()
    assert "/system.slice/run-" in cgroup
    assert "/.." not in cgroup


def test_memory_limits_are_enforced(machine: Machine) -> None:
    words = ["systemd-run", "--wait", "--quiet", "--collect", "-p", "MemoryMax=64M", "-p", "MemorySwapMax=0"]
    program = "import sys; len(b'x' * (int(sys.argv[1]) << 20))"
    assert _run(*words, "/usr/bin/python3", "-c", program, "10").returncode == 0
    assert _run(*words, "/usr/bin/python3", "-c", program, "200").returncode != 0


def test_each_service_has_a_cgroup_and_loses_it(machine: Machine) -> None:
    unit = machine.fresh("private-test") + ".service"
    machine.systemctl("start", "systemd-journald.service")
    assert _run("systemd-run", "--quiet", f"--unit={unit}", "sleep", "infinity").returncode == 0
    pid = int(machine.show(unit, "MainPID"))
    assert f"/system.slice/{unit}" in Path(f"/proc/{pid}/cgroup").read_text()
    machine.systemctl("stop", unit)
    assert not machine.alive(pid)


def test_the_journal_keeps_what_a_service_says(machine: Machine) -> None:
    unit = machine.fresh("private-test") + ".service"
    assert _run("systemd-run", "--wait", "--quiet", f"--unit={unit}", "echo", "said and kept").returncode == 0
    machine.wait(lambda: "said and kept" in _run("journalctl", "-u", unit, "-o", "cat").stdout, "the journal has it")


def test_nothing_that_the_host_has_enabled_runs_here(machine: Machine) -> None:
    wants = Path("/etc/systemd/system/multi-user.target.wants")
    assert [each.name for each in wants.glob("*") if each.name != "sd-taskpacker.service"] == []
    assert not os.access("/proc/sys/kernel/hostname", os.W_OK)
    assert not os.access("/sys/kernel", os.W_OK)
    assert not Path("/dev/kmsg").exists()


def test_temporary_files_of_the_host_are_not_cleaned(machine: Machine) -> None:
    """A boot that empties /tmp would empty what is bound there, and hide a checkout that lies in it."""
    commands = machine.show("systemd-tmpfiles-setup.service", "ExecStart")
    assert "--create" in commands
    assert "--remove" not in commands
    assert machine.show("systemd-tmpfiles-clean.timer", "LoadState") == "masked"
    assert machine.show("tmp.mount", "LoadState") == "masked"
