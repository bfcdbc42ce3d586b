# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a bare Debian to a finished task."""

from __future__ import annotations

import json
import pwd
import shutil
from pathlib import Path

import pytest

from tests.vm.guest import PACKAGES, SERVICE, apt, run, shown, told

pytestmark = pytest.mark.system


def test_one_apt_install_and_one_submit_go_from_a_bare_machine_to_a_finished_task() -> None:
    assert shutil.which("taskpackerctl") is None
    apt("install", PACKAGES / "first.deb")
    told("taskpackerctl", "submit", "load", "seconds=1", "--wait")
    (task,) = json.loads(told("taskpackerctl", "list", "--all", "--json=short"))
    assert (task["unit"], task["result"]) == ("load", "success")
    assert 0 < task["memory_peak"] <= task["memory_max"]


def test_the_service_runs_now_and_at_the_next_boot() -> None:
    assert (shown(SERVICE, "ActiveState"), shown(SERVICE, "UnitFileState")) == ("active", "enabled")
    assert shown(SERVICE, "NRestarts") == "0"


def test_the_user_the_settings_and_the_place_for_units_are_there() -> None:
    assert pwd.getpwnam("taskpacker").pw_shell == "/usr/sbin/nologin"
    assert Path("/etc/sd-taskpacker/taskpacker.toml").is_file()
    assert Path("/etc/sd-taskpacker/units").is_dir()


def test_this_is_cgroup_v2_with_every_controller_that_is_needed() -> None:
    assert {"cpu", "memory", "pids"} <= set(Path("/sys/fs/cgroup/cgroup.controllers").read_text().split())
    assert not Path("/sys/fs/cgroup/memory").exists()


def test_the_machine_and_dpkg_find_no_fault_in_it() -> None:
    assert run("dpkg", "--verify", "sd-taskpacker").stdout == ""
    assert run("dpkg", "--audit").stdout == ""
    assert told("systemctl", "--failed", "--plain", "--no-legend") == ""
