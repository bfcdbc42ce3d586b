# SPDX-License-Identifier: LGPL-2.1-or-later
"""packaging/install and uninstall, as an admin uses them. The machine was made by the same install."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system.machine import SERVICE, BatchCall, Machine

pytestmark = pytest.mark.needs_root

CHECKOUT: Final = Path(__file__).resolve().parents[2]
LIB: Final = Path("/usr/lib/sd-taskpacker")
MANIFEST: Final = LIB / "manifest"
WHEELS: Final = CHECKOUT / ".venv/wheelhouse"
EXPOSURE: Final = 1.7
"""systemd-analyze(1): 0 is a service that may do nothing, 10 one that may do all."""


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def _install() -> None:
    done = _run(CHECKOUT / "packaging/install", "--wheelhouse", WHEELS)
    assert done.returncode == 0, done.stderr


def _everything_installed() -> Iterator[Path]:
    yield from map(Path, MANIFEST.read_text().splitlines())
    yield from LIB.rglob("*")


@pytest.fixture
def reinstalled(machine: Machine) -> Iterator[Machine]:
    """Whatever a test took away is there again for the next."""
    yield machine
    if not MANIFEST.exists():
        _install()
    machine.systemctl("start", SERVICE)


def test_all_that_was_installed_is_roots_and_writable_by_nobody_else(machine: Machine) -> None:
    wrong = []
    for path in _everything_installed():
        found = path.lstat()
        writable = not stat.S_ISLNK(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if (found.st_uid, found.st_gid) != (0, 0) or writable:
            wrong.append(path)
    assert wrong == []


def test_everybody_may_run_the_command_and_read_what_it_needs(machine: Machine) -> None:
    assert machine.as_user("nobody", "--version").returncode == 0
    assert all(os.stat(path).st_mode & stat.S_IROTH for path in _everything_installed() if not path.is_symlink())


def test_systemd_finds_no_fault_in_the_units(machine: Machine) -> None:
    units = [SERVICE, "taskpacker.slice", "taskpacker-batch.slice", "taskpacker-workorder.slice"]
    done = _run("systemd-analyze", "verify", "--man=no", *units)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_may_do_little(machine: Machine) -> None:
    threshold = str(int(EXPOSURE * 10))
    done = _run("systemd-analyze", "security", "--no-pager", f"--threshold={threshold}", SERVICE)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_daemon_has_the_capabilities_that_it_uses_and_a_bound(machine: Machine) -> None:
    pid = machine.show(SERVICE, "MainPID")
    status = dict(line.split(":\t", 1) for line in machine.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    # CAP_CHOWN, CAP_DAC_OVERRIDE and CAP_FOWNER (capability.h).
    assert {status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd")} == {f"{0b1011:016x}"}
    limits = {line[:26].strip(): line[26:].split()[0] for line in machine.read(f"/proc/{pid}/limits").splitlines()}
    assert (limits["Max data size"], limits["Max core file size"]) == (str(4 << 30), "0")


def test_the_daemon_can_run_no_shell(machine: Machine) -> None:
    enter = ["nsenter", "--mount", "--target", machine.show(SERVICE, "MainPID")]
    for program in ("/bin/sh", "/usr/bin/env"):
        refused = _run(*enter, program)
        assert refused.returncode == 126, refused.stderr
        assert "Permission denied" in refused.stderr
    assert _run(*enter, "/usr/bin/busctl", "--version").returncode == 0


def test_only_root_may_take_the_bus_name(machine: Machine) -> None:
    ask = ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName"]
    done = _run("runuser", "-u", "nobody", "--", *ask, "su", "org.sdtaskpacker1", "0")
    assert done.returncode != 0
    assert "denied" in done.stderr


def test_an_upgrade_restarts_the_daemon_and_no_task(machine: Machine) -> None:
    machine.write_unit("during.batch", "[Batch]\nExec=/bin/sleep infinity\nCPUs=0\n")
    ((started, _),) = machine.batch_submit(BatchCall("during"))
    before, unit = machine.show(SERVICE, "MainPID"), machine.task(started[0])["systemd_unit"]
    task = machine.show(unit, "MainPID")
    _install()
    machine.wait_ready()
    assert machine.show(SERVICE, "MainPID") != before
    assert machine.show(unit, "MainPID") == task
    assert [each["id"] for each in machine.running()] == started


def test_uninstall_takes_away_all_but_what_is_the_admins(reinstalled: Machine) -> None:
    machine = reinstalled
    machine.write_unit("stays.batch", "[Batch]\nExec=/bin/echo I stay\nCPUs=0\n")
    kept = machine.run("stays")
    installed = list(_everything_installed())
    done = _run(CHECKOUT / "packaging/uninstall")
    assert done.returncode == 0, done.stderr
    assert [path for path in installed if os.path.lexists(path)] == []
    assert machine.unit_state(SERVICE) == "not-found"
    assert machine.output(kept) == "I stay\n"
    assert Path("/etc/sd-taskpacker/units/stays.batch").exists()
    assert "/var/lib/sd-taskpacker" in done.stdout
    _install()
    machine.systemctl("start", SERVICE)
    assert machine.task(kept["id"])["result"] == "success"


def test_uninstall_leaves_a_running_task_and_its_result_is_read_later(reinstalled: Machine) -> None:
    machine = reinstalled
    machine.write_unit(
        "long.batch", "[Batch]\nExec=/bin/sh -c 'until [ -e go ]; do sleep 0.1; done; exit 7'\nCPUs=0\n"
    )
    ((started, _),) = machine.batch_submit(BatchCall("long"))
    task = machine.task(started[0])
    done = _run(CHECKOUT / "packaging/uninstall")
    assert done.returncode == 0, done.stderr
    assert task["systemd_unit"] in done.stdout
    (Path(task["directory"]) / "go").touch()
    machine.wait(lambda: machine.show(task["systemd_unit"], "ActiveState") == "failed", "the task ends meanwhile")
    _install()
    machine.systemctl("start", SERVICE)
    assert machine.closed(started[0])["exit_status"] == 7


@pytest.mark.parametrize("program", ["install", "uninstall"])
def test_without_root_it_says_so_in_one_line(machine: Machine, program: str) -> None:
    # The capability only makes a checkout readable that lies below /root.
    nobody = [
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
    ]
    done = _run(*nobody, CHECKOUT / "packaging" / program)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "sudo" in done.stderr


def test_an_unknown_argument_is_named(machine: Machine) -> None:
    done = _run(CHECKOUT / "packaging/install", "--force")
    assert done.returncode == 2
    assert "'--force'" in done.stderr
