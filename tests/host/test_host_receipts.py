# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sd_taskpacker.host.receipts import ReceiptBox

UNIT = r"taskpacker-build-a\x2db:20261121.0.service"


def box(directory: Path, *counters: Path) -> ReceiptBox:
    made = ReceiptBox(directory / "ended", [str(each).replace("$", "$$") for each in counters])
    made.create()
    return made


def leave(directory: Path, name: str, mtime: int = 1_000, **counters: str) -> Path:
    receipt = directory / "ended" / UNIT / name
    receipt.mkdir(parents=True)
    for file, text in counters.items():
        (receipt / file.replace("__", ".")).write_text(text)
    os.utime(receipt, (mtime, mtime))
    return receipt


def as_systemd_runs(command: tuple[str, ...], result: str, code: str, status: str) -> None:
    variables = {"${SERVICE_RESULT}": result, "${EXIT_CODE}": code, "${EXIT_STATUS}": status, "$$": "$", "%n": UNIT}
    words = list(command)
    for variable, value in variables.items():
        words = [word.replace(variable, value) for word in words]
    subprocess.run(words, check=False, capture_output=True)


def test_what_the_command_leaves_is_what_is_read(tmp_path: Path) -> None:
    counters = tmp_path / "$ cgroup"
    counters.mkdir()
    (counters / "cpu.stat").write_text("usage_usec 3093\nuser_usec 3000\n")
    (counters / "memory.peak").write_text("622592\n")
    (counters / "memory.events").write_text("oom 1\noom_kill 2\n")
    receipts = box(tmp_path, *sorted(counters.iterdir()))
    as_systemd_runs(receipts.command(), "oom-kill", "killed", "KILL")
    receipt = receipts.read(UNIT)
    assert receipt is not None
    assert (receipt.service_result, receipt.exit_code, receipt.exit_status) == ("oom-kill", "killed", "KILL")
    assert (receipt.cpu_usec, receipt.memory_peak, receipt.oom_kills) == (3093, 622592, 2)
    assert receipt.ended_usec > 1_700_000_000_000_000


@pytest.mark.parametrize("counters", [(), ("gone",)])
def test_a_receipt_is_left_without_any_counter(tmp_path: Path, counters: tuple[str, ...]) -> None:
    receipts = box(tmp_path, *(tmp_path / name for name in counters))
    as_systemd_runs(receipts.command(), "resources", "", "")
    receipt = receipts.read(UNIT)
    assert receipt is not None
    assert (receipt.service_result, receipt.exit_code, receipt.exit_status) == ("resources", "", "")
    assert (receipt.cpu_usec, receipt.memory_peak, receipt.oom_kills) == (None, None, 0)


def test_v1_counters(tmp_path: Path) -> None:
    leave(
        tmp_path,
        "success.exited.0",
        cpuacct__usage="5000999\n",
        memory__max_usage_in_bytes="4096\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    )
    receipt = box(tmp_path).read(UNIT)
    assert receipt is not None
    assert (receipt.cpu_usec, receipt.memory_peak, receipt.oom_kills) == (5000, 4096, 1)
    assert receipt.ended_usec == 1_000_000_000


def test_garbled_counters_are_unknown(tmp_path: Path) -> None:
    leave(tmp_path, "success.exited.0", cpu__stat="usage_usec\n\xff", memory__peak="-1", memory__events="oom_kill x")
    receipt = box(tmp_path).read(UNIT)
    assert receipt is not None
    assert (receipt.cpu_usec, receipt.memory_peak, receipt.oom_kills) == (None, None, 0)


def test_of_several_receipts_the_newest_counts(tmp_path: Path) -> None:
    leave(tmp_path, "success.exited.0", mtime=2_000)
    leave(tmp_path, "exit-code.exited.1", mtime=3_000)
    leave(tmp_path, "signal.killed.KILL", mtime=1_000)
    receipt = box(tmp_path).read(UNIT)
    assert receipt is not None
    assert receipt.exit_status == "1"


def test_what_is_no_receipt_is_none(tmp_path: Path) -> None:
    leave(tmp_path, "half")
    (tmp_path / "ended" / UNIT / "a.b.c").write_text("a file")
    assert box(tmp_path).read(UNIT) is None
    assert box(tmp_path).read("taskpacker-other:1.service") is None


def test_discard_removes_the_receipt_and_nothing_else(tmp_path: Path) -> None:
    leave(tmp_path, "success.exited.0", cpu__stat="usage_usec 1\n")
    canary = tmp_path / "canary"
    canary.mkdir()
    (tmp_path / "ended/link.service").symlink_to(canary)
    receipts = box(tmp_path)
    for unit in (UNIT, "link.service", "unknown.service"):
        receipts.discard(unit)
    assert canary.is_dir()
    assert list((tmp_path / "ended").iterdir()) == []


def test_the_box_is_the_owner_s_alone(tmp_path: Path) -> None:
    box(tmp_path)
    assert (tmp_path / "ended").stat().st_mode & 0o777 == 0o700


def test_the_dropin_is_what_systemd_reads_back(tmp_path: Path) -> None:
    receipts = ReceiptBox(tmp_path / 'a "b" 100% $x', ["/sys/fs/cgroup/${TASKPACKER_SLICE}/%n/cpu.stat"])
    receipts.install_dropin(tmp_path)
    *_, line = (tmp_path / "taskpacker-.service.d/10-receipt.conf").read_text().splitlines()
    assert line.startswith('ExecStopPost=+-"/usr/bin/install" "-D"')
    assert 'a \\"b\\" 100%% $$x/%n/${SERVICE_RESULT}.${EXIT_CODE}.${EXIT_STATUS}"' in line
    assert line.endswith('"/sys/fs/cgroup/${TASKPACKER_SLICE}/%n/cpu.stat"')


def test_a_dropin_that_is_right_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "taskpacker-.service.d/10-receipt.conf"
    box(tmp_path).install_dropin(tmp_path)
    before = place.stat().st_ino
    box(tmp_path).install_dropin(tmp_path)
    assert place.stat().st_ino == before
    place.write_text("old")
    box(tmp_path).install_dropin(tmp_path)
    assert "ExecStopPost" in place.read_text()
