# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units that we ship do what they say, as installed, on the real systemd."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.system.machine import BatchCall, Machine


def test_checksum_sums_a_tree(machine: Machine) -> None:
    tree = Path(machine.directory("tree"))
    (tree / "sub").mkdir()
    (tree / "sub/file").write_text("content")
    task = machine.run("checksum", {"directory": str(tree)})
    assert task["result"] == "success", machine.output(task)
    assert hashlib.sha256(b"content").hexdigest() in machine.output(task)


def test_compress_keeps_the_compressed_file(machine: Machine) -> None:
    place = Path(machine.directory("files"))
    (place / "big").write_text("again " * 100_000)
    task = machine.run("compress", {"file": str(place / "big")})
    assert task["result"] == "success", machine.output(task)
    made = [name for name in machine.files(task) if name.endswith((".xz", ".zst"))]
    assert len(made) == 1
    assert (Path(task["directory"]) / made[0]).stat().st_size < 10_000
    assert (place / "big").exists()


def test_load_loads_and_ends(machine: Machine) -> None:
    task = machine.run("load", {"seconds": 1})
    assert task["result"] == "success", machine.output(task)
    assert task["cpu_usec"] > 300_000


def test_massif_profiles_a_program(machine: Machine) -> None:
    task = machine.run("massif", {"target": "/usr/bin/perl"})
    assert task["result"] == "success", machine.output(task)
    assert "results/massif.out" in machine.files(task)


@pytest.mark.needs_root
def test_nightly_checksum_submits_children(machine: Machine) -> None:
    machine.write_file("/usr/local/taskpacker-test", "content")
    (task_id,) = machine.workorder_start(BatchCall("nightly-checksum"))
    task = machine.closed(task_id)
    assert task["result"] == "success", machine.output(task)
    child = machine.output(task).split('"')[1]
    assert child.startswith("nightly-checksum/checksum@")
    assert "/usr/local/taskpacker-test" in machine.output(machine.closed(child))


@pytest.mark.needs_root
def test_typed_systemd_settings_reach_the_unit_and_survive_a_restart(machine: Machine) -> None:
    machine.write_unit(
        "typed.batch",
        "[Batch]\nExec=/bin/sh -c 'grep Cpus_allowed_list /proc/self/status; ulimit -n; umask; sleep 1'\nCPUs=0\n"
        "[Service]\nCPUAffinity=0\nLimitNOFILE=123\nUMask=0077\nIPAddressDeny=any\nSystemCallFilter=@system-service\n"
        "RestrictAddressFamilies=AF_UNIX\nCapabilityBoundingSet=CAP_CHOWN\nNice=5\nEnvironment='A=b c'\n",
    )
    ((started, _),) = machine.batch_submit(BatchCall("typed"))
    unit = machine.task(started[0])["systemd_unit"]
    machine.wait(lambda: machine.unit_state(unit) == "loaded", "the unit is loaded")
    assert machine.show(unit, "Nice") == "5"
    machine.systemctl("restart", "sd-taskpacker.service")
    task = machine.closed(started[0])
    assert task["result"] == "success", machine.output(task)
    assert machine.output(task).split()[1:] == ["0", "123", "0077"]
