# SPDX-License-Identifier: LGPL-2.1-or-later
"""taskpackerctl's verbs that print tables and words, against the real service."""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.system.machine import UNITS, Machine

pytestmark = pytest.mark.needs_root

ENDS = """\
[Unit]
Description=Ends as it is told
[Batch]
Exec=/bin/sh -c 'echo out of "$$1"; exit "$$1"' sh ${status}
Size=tiny
CPUs=0
[Parameter]
Name=status
Type=int
Default=0
"""
LARGE = "[Batch]\nExec=/bin/sleep 100\nSize=large\nCPUs=0\n"


def _ctl(machine: Machine, *words: str) -> CompletedProcess[str]:
    return machine.as_user("root", *words)


def _json(machine: Machine, *words: str) -> Any:
    done = _ctl(machine, *words, "--json")
    return json.loads(done.stdout)


def test_many_tasks_from_a_file_are_waited_for_and_the_first_failure_counts(machine: Machine) -> None:
    machine.write_unit("ends.batch", ENDS)
    jobs = f"{machine.directory('jobs')}/jobs"
    machine.write_file(jobs, "status=0\n# a comment\nstatus=5\nstatus='6'\n")
    done = _ctl(machine, "submit", "ends", "--each-line", jobs)
    ids = done.stdout.split()
    assert (done.returncode, len(ids)) == (0, 3), done.stderr
    assert _ctl(machine, "wait", *ids).returncode == 5
    assert _ctl(machine, "wait", ids[0]).returncode == 0


def test_status_tells_how_a_task_ended_and_what_it_wrote(machine: Machine) -> None:
    machine.write_unit("ends.batch", ENDS)
    (task_id,) = _ctl(machine, "submit", "ends", "status=7", "--wait").stdout.split()
    done = _ctl(machine, "status", task_id)
    assert done.returncode == 3
    assert "failed (exit-code, status 7) since" in done.stdout
    assert done.stdout.splitlines()[-1] == "out of 7"
    overview = _json(machine, "status")
    assert task_id in [each["id"] for each in overview["ended"]]
    assert overview["plan"] is None


def test_what_failed_is_submitted_again_with_its_parameters(machine: Machine) -> None:
    machine.write_unit("ends.batch", ENDS)
    (first,) = _ctl(machine, "submit", "ends", "status=7", "--wait", "--tag=mine").stdout.split()
    done = _ctl(machine, "retry", first)
    again = done.stdout.strip()
    assert (done.returncode, done.stderr) == (0, "")
    assert _ctl(machine, "wait", again).returncode == 7
    old, new = machine.task(first), machine.task(again)
    for key in ("parameters", "argv", "chunks", "cpus", "priority", "tag"):
        assert new[key] == old[key]
    assert [each["id"] for each in _json(machine, "list", "--all", "--tag=mine")] == [again, first]


def test_a_deadline_can_be_taken_away(machine: Machine) -> None:
    machine.write_unit("big.batch", LARGE)
    ids = (
        _ctl(machine, "submit", "big").stdout.split() + _ctl(machine, "submit", "big", "--deadline=1w").stdout.split()
    )
    assert "deadline" in machine.task(ids[1])
    done = _ctl(machine, "set-property", ids[1], "deadline=")
    assert (done.returncode, done.stderr) == (0, "")
    assert "deadline" not in machine.task(ids[1])
    assert _ctl(machine, "wait", ids[1], "--timeout=10ms").returncode == 124
    assert "Waits: memory: wants 1G" in _ctl(machine, "status", ids[1]).stdout
    assert _json(machine, "status")["plan"]["tasks"][-1]["id"] == ids[1]


def test_stats_suggest_a_size_that_holds_what_was_seen(machine: Machine) -> None:
    machine.write_unit("counted.batch", ENDS)
    _ctl(machine, "submit", "counted", "status=0", "status=0", "--wait")
    found = _json(machine, "stats", "counted")
    assert (found["size"], found["complete"], found["run"]["count"]) == ("tiny", 2, 2)


def test_cat_shows_a_unit_with_its_dropins(machine: Machine) -> None:
    machine.write_unit("ends.batch", ENDS)
    machine.write_file(f"{UNITS}/ends.batch.d/10-more.conf", "[Batch]\nKeepFailed=2\n")
    shown = _ctl(machine, "cat", "ends").stdout
    assert shown == f"# {UNITS}/ends.batch\n{ENDS}\n# {UNITS}/ends.batch.d/10-more.conf\n[Batch]\nKeepFailed=2\n"
