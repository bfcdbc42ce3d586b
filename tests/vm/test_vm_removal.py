# SPDX-License-Identifier: LGPL-2.1-or-later
"""Removed, installed again, purged: what goes when, in the order in which an admin would do it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.vm.guest import PACKAGES, SERVICE, STATE, UNITS, apt, shown, submitted, task, told, unit_of, wait

pytestmark = pytest.mark.system


def _files() -> list[str]:
    listed = told("dpkg-query", "-L", "sd-taskpacker").splitlines()
    return [each for each in listed if not os.path.isdir(each) and not each.startswith("/etc/")]


def test_a_removal_leaves_state_settings_and_running_tasks_whose_end_is_read_later() -> None:
    (UNITS / "long.batch").write_text(
        "[Batch]\nExec=/bin/sh -c 'until [ -e go ]; do sleep 0.2; done; exit 7'\nCPUs=0\n"
    )
    task_id = submitted("long")
    wait(lambda: shown(unit_of(task_id), "MainPID") != "0", "the task runs")
    files = _files()
    said = apt("remove", "sd-taskpacker")
    assert unit_of(task_id) in said
    assert "/var/lib/sd-taskpacker" in said
    assert [each for each in files if os.path.lexists(each)] == []
    assert shown(SERVICE, "LoadState") in ("not-found", "masked")
    assert shown(unit_of(task_id), "ActiveState") in ("activating", "active")
    name, version = task_id.split("@")
    (STATE / name / f"@{version}" / "go").touch()
    wait(lambda: shown(unit_of(task_id), "ActiveState") == "failed", "the task ends meanwhile")
    apt("install", PACKAGES / "second.deb")
    assert (shown(SERVICE, "ActiveState"), shown(SERVICE, "UnitFileState")) == ("active", "enabled")
    wait(lambda: "ended" in task(task_id), "its end is read")
    assert (task(task_id)["result"], task(task_id)["exit_status"]) == ("exit-code", 7)


def test_a_purge_takes_all_but_what_the_admin_wrote_and_says_so() -> None:
    said = apt("purge", "sd-taskpacker")
    assert "Removing /var/lib/sd-taskpacker, all results" in said
    assert not STATE.exists()
    assert not Path("/etc/sd-taskpacker/taskpacker.toml").exists()
    assert (UNITS / "long.batch").exists()
    assert not Path("/usr/lib/sd-taskpacker").exists()
    assert not Path("/run/sd-taskpacker").exists()
    assert told("systemctl", "list-units", "--failed", "--plain", "--no-legend", "sd-taskpacker*") == ""
    left = Path("/etc/systemd/system").rglob("sd-taskpacker*")
    assert [str(each) for each in left if each.name.startswith("sd-taskpacker") and each.suffix != ".d"] == []
