# SPDX-License-Identifier: LGPL-2.1-or-later
"""A new version over the old one, on a machine at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.guest import PACKAGES, SERVICE, UNITS, apt, shown, submitted, told, unit_of, wait

pytestmark = pytest.mark.system
SETTINGS = Path("/etc/sd-taskpacker/taskpacker.toml")


def test_an_upgrade_restarts_the_daemon_and_no_task_and_keeps_the_settings() -> None:
    (UNITS / "during.batch").write_text("[Batch]\nExec=/bin/sleep infinity\nCPUs=0\n")
    SETTINGS.write_text(SETTINGS.read_text() + "# The admin was here.\n")
    task_id = submitted("during")
    wait(lambda: shown(unit_of(task_id), "MainPID") != "0", "the task runs")
    daemon, task = shown(SERVICE, "MainPID"), shown(unit_of(task_id), "MainPID")
    before = told("dpkg-query", "-W", "-f", "${Version}", "sd-taskpacker")
    apt("install", PACKAGES / "second.deb")
    assert told("dpkg-query", "-W", "-f", "${Version}", "sd-taskpacker") == before.replace("-1~", "-2~")
    assert shown(SERVICE, "ActiveState") == "active"
    assert shown(SERVICE, "MainPID") != daemon
    assert shown(unit_of(task_id), "MainPID") == task
    assert "running" in told("taskpackerctl", "status", task_id)
    assert SETTINGS.read_text().endswith("# The admin was here.\n")
    told("taskpackerctl", "kill", task_id)


def test_what_the_admin_has_stopped_and_disabled_stays_so() -> None:
    told("systemctl", "disable", "--now", SERVICE)
    apt("install", "--reinstall", PACKAGES / "second.deb")
    assert (shown(SERVICE, "ActiveState"), shown(SERVICE, "UnitFileState")) == ("inactive", "disabled")
    told("systemctl", "enable", "--now", SERVICE)
