# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the journal has about tasks, and what a person gets to see of it, of the manual and of completion."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sd_taskpacker.model import notices
from sd_taskpacker.model.notices import Notice
from tests.system.machine import BatchCall, Machine

pytestmark = pytest.mark.needs_root

_COMPLETES = """source /usr/share/bash-completion/completions/taskpackerctl
COMP_LINE='taskpackerctl submit massif target=' COMP_POINT=${#COMP_LINE}
COMP_WORDS=(taskpackerctl submit massif target =) COMP_CWORD=4
compopt() { :; }
_taskpackerctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _output(*words: str) -> str:
    subprocess.run(["journalctl", "--sync"], check=True)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def _entries(*matches: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _output("journalctl", "-o", "json", *matches).splitlines()]


def _ids(entries: Iterable[dict[str, Any]]) -> list[str]:
    return [str(entry["MESSAGE_ID"]) for entry in entries if entry.get("SYSLOG_IDENTIFIER") == "sd-taskpacker"]


def test_the_journal_of_a_tasks_own_unit_has_our_entries(machine: Machine) -> None:
    machine.write_unit("fails.batch", "[Batch]\nExec=/bin/false\nCPUs=0\n")
    task = machine.run("fails")
    entries = _entries("-u", task["systemd_unit"])
    assert _ids(entries) == [notices.STARTED.id, notices.FAILED.id]
    (end,) = [entry for entry in entries if entry.get("MESSAGE_ID") == notices.FAILED.id]
    assert {name: end[name] for name in ("TASKPACKER_TASK", "TASKPACKER_STATE", "TASKPACKER_RESULT", "PRIORITY")} == {
        "TASKPACKER_TASK": task["id"],
        "TASKPACKER_STATE": "failed",
        "TASKPACKER_RESULT": "exit-code",
        "PRIORITY": "5",
    }


def test_what_a_task_logs_itself_carries_its_id_and_cannot_carry_another(machine: Machine) -> None:
    machine.write_unit(
        "talks.batch",
        "[Batch]\nExec=/usr/bin/systemd-cat -t talks /bin/sh -c 'echo hello; until [ -e go ]; do sleep 0.1; done'\n"
        "CPUs=0\n"
        "[Service]\nLogExtraFields=TASKPACKER_ROOT=forged MINE=1\n",
    )
    ((started, _),) = machine.batch_submit(BatchCall("talks"))
    task = machine.task(started[0])
    # journald asks for the unit's fields when it reads the line: the process that wrote it has to be there still.
    machine.wait(lambda: bool(_entries("SYSLOG_IDENTIFIER=talks")), "the journal has the line")
    (Path(task["directory"]) / "go").touch()
    machine.closed(started[0])
    (entry,) = [each for each in _entries(f"TASKPACKER_TASK={task['id']}") if each["MESSAGE"] == "hello"]
    names = ("TASKPACKER_NAME", "TASKPACKER_VERSION", "TASKPACKER_ROOT", "MINE")
    assert [entry[name] for name in names] == ["talks", task["version"], "talks", "1"]
    assert _entries("TASKPACKER_ROOT=forged") == []


@pytest.mark.parametrize(
    ("notice", "unit"),
    [
        (notices.OOM_KILL, "Exec=/usr/bin/perl -e '$x = \"a\" x 2e9'\nSize=tiny\nCPUs=0"),
        (notices.TIMEOUT, "Exec=/bin/sleep 60\nCPUs=0\n[Service]\nRuntimeMaxSec=100ms"),
        (notices.COULD_NOT_START, "Exec=/nonexistent\nCPUs=0"),
    ],
    ids=lambda value: value.name if isinstance(value, Notice) else "",
)
def test_each_end_has_its_own_id_and_the_catalogue_explains_it(machine: Machine, notice: Notice, unit: str) -> None:
    machine.write_unit("ends.batch", f"[Batch]\n{unit}\n")
    task = machine.run("ends")
    assert _ids(_entries(f"TASKPACKER_TASK={task['id']}"))[-1] == notice.id
    explained = _output("journalctl", "-x", f"TASKPACKER_TASK={task['id']}", f"MESSAGE_ID={notice.id}")
    assert notice.subject.replace("@TASKPACKER_TASK@", task["id"]) in explained
    assert "man:sd-taskpacker(8)" in explained


def test_a_refused_unit_is_in_the_journal_with_its_problems(machine: Machine) -> None:
    name = machine.fresh("refused")
    machine.write_unit(f"{name}.batch", "[Batch]\nExec=/bin/true\nSize=huge\n")
    machine.call("ListUnits", "")
    machine.call("ListUnits", "")
    told = [each["MESSAGE"] for each in _entries(f"MESSAGE_ID={notices.REFUSED.id}") if name in each["MESSAGE"]]
    assert len(told) == 1
    assert f"{name}.batch:3: error: Size:" in told[0]


def test_bash_completes_the_values_of_a_shipped_units_parameter(machine: Machine) -> None:
    assert "/usr/bin/perl" in _output("bash", "--norc", "-c", _COMPLETES).splitlines()


def test_the_manual_is_where_man_looks(machine: Machine) -> None:
    for page in ("man1/taskpackerctl.1", "man8/sd-taskpacker.8", "man5/org.sdtaskpacker1.5"):
        assert machine.exists(f"/usr/share/man/{page}")
