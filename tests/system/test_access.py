# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an admin says about single units and tasks, with real users and a real polkitd; and what is kept from whom.
Who may call what is in test_rights_table.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.machine import UNITS, Machine
from tests.system.people import people

pytestmark = pytest.mark.needs_root

RULE = """\
polkit.addRule(function(action, subject) {
    if (action.id == "org.sdtaskpacker1.submit" && action.lookup("unit") == "for-bob" && subject.user == "bob"
            && action.lookup("root") == "for-bob" && action.lookup("size") == "33554432") {
        return polkit.Result.YES;
    }
});
"""
QUICK = "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n"

REQUEST = "a(sa{sv}a{sv})"


@pytest.fixture(scope="module", autouse=True)
def _people() -> Iterator[None]:
    """ann is in the group; bob is not, and polkit lets him submit one unit."""
    with people(RULE):
        yield


def test_a_rule_of_the_admin_lets_one_user_submit_one_unit(machine: Machine) -> None:
    machine.write_unit("for-bob.batch", QUICK)
    machine.write_unit("for-all.batch", QUICK)
    allowed = machine.as_user("bob", "submit", "for-bob", "--wait")
    assert allowed.returncode == 0, allowed.stderr
    for words in (["submit", "for-all"], ["submit", "for-bob", "--size=medium"], ["drain"]):
        refused = machine.as_user("bob", *words, "--no-ask-password")
        assert (refused.returncode, "may not" in refused.stderr) == (77, True), refused.stderr


def test_the_units_own_lists_hold_whatever_polkit_says(machine: Machine) -> None:
    machine.write_unit("for-bob.batch", QUICK + "AllowUsers=ann\nAllowGroups=daemon\n")
    refused = machine.as_user("bob", "submit", "for-bob")
    assert (refused.returncode, "AllowUsers=" in refused.stderr) == (77, True), refused.stderr
    allowed = machine.as_user("ann", "submit", "for-bob")
    assert allowed.returncode == 0, allowed.stderr


def test_a_submitter_cancels_his_own_task_and_not_that_of_another(machine: Machine) -> None:
    machine.write_unit("for-bob.batch", QUICK)
    machine.call("Drain", "")
    try:
        mine, hers = (machine.as_user(user, "submit", "for-bob").stdout.strip() for user in ("bob", "ann"))
        assert machine.as_user("bob", "set-property", mine, "priority=1").returncode == 0
        assert machine.as_user("bob", "set-property", mine, "priority=200").returncode == 77
        assert machine.as_user("bob", "cancel", hers).returncode == 77
        assert machine.as_user("bob", "cancel", mine).returncode == 0
    finally:
        machine.call("Resume", "")
    assert machine.task(mine)["result"] == "cancelled"


NEIGHBOUR = (
    "[Batch]\nExec=/bin/sh -c 'umask 0; echo private > file; echo \"$$\" > results/pid; sleep infinity'\nCPUs=0\n"
)
SPY = """\
import os, sys
place, pid = sys.argv[1:]
state = "/var/lib/sd-taskpacker"
tried = [place + "/file", place + "/parameters.json", f"/proc/{pid}/cwd/file", f"/proc/{pid}/root{place}/file",
    f"/proc/{pid}/environ", state + "/state.sqlite"]
for path in tried:
    for mode in ("r", "a"):
        try:
            open(path, mode).close()
        except OSError:
            continue
        print("opened", path, mode)
for path in (place + "/new", state + "/new"):
    try:
        open(path, "w").close()
    except OSError:
        continue
    print("made", path)
print(os.getuid() == os.stat(".").st_uid != 0, sorted(os.listdir(state)))
"""


def test_a_task_reaches_neither_another_ones_directory_nor_the_store(machine: Machine) -> None:
    machine.write_unit("neighbour.batch", NEIGHBOUR)
    machine.write_file("/srv/spy.py", SPY)
    machine.write_unit(
        "spy.batch",
        "[Batch]\nExec=/usr/bin/python3 -I /srv/spy.py ${place} ${pid}\nCPUs=0\n"
        "[Parameter]\nName=place\n[Parameter]\nName=pid\n",
    )
    ((neighbour,), _) = machine.call("BatchSubmit", REQUEST, [["neighbour", {}, {}]])[0]
    place = Path(machine.task(neighbour)["directory"])
    machine.wait(lambda: (place / "results/pid").exists() and (place / "results/pid").read_text() != "", "it runs")
    pid = (place / "results/pid").read_text().strip()
    spy = machine.run("spy", {"place": str(place), "pid": pid})
    assert machine.output(spy) == "True ['spy']\n"


def test_results_are_for_the_submitter_and_the_group_and_a_secret_for_the_task_alone(machine: Machine) -> None:
    machine.write_unit(
        "for-bob.batch",
        "[Batch]\nExec=/bin/sh -c 'cat parameters.json; echo'\nSize=tiny\nCPUs=0\n"
        "[Parameter]\nName=token\nSecret=yes\n[Service]\nUser=nobody\n",
    )
    words = ["submit", "for-bob", "token=hush-4711"]
    task = machine.closed(machine.as_user("bob", *words).stdout.strip())
    output = f"{task['directory']}/results/output.txt"
    assert task["parameters"] == {}
    assert {user: _reads(user, output) for user in ("bob", "ann", "daemon")} == {
        "bob": '{\n  "token": "hush-4711"\n}\n\n',
        "ann": '{\n  "token": "hush-4711"\n}\n\n',
        "daemon": "",
    }
    assert _reads("bob", f"{task['directory']}/results/task.json").count("hush") == 0
    for user in ("ann", "bob", "taskpacker"):
        assert _reads(user, "/var/lib/sd-taskpacker/state.sqlite") == ""


def test_a_unit_that_others_can_write_is_refused_and_says_what_to_do(machine: Machine) -> None:
    machine.write_unit("loose.batch", QUICK)
    (UNITS / "loose.batch").chmod(0o666)
    refused = machine.as_user("ann", "submit", "loose")
    assert (refused.returncode, "has errors" in refused.stderr) == (65, True), refused.stderr
    told = machine.as_user("ann", "list-units")
    assert "chmod go-w /etc/sd-taskpacker/units/loose.batch" in told.stdout + told.stderr
    (UNITS / "loose.batch").chmod(0o644)
    assert machine.run("loose")["result"] == "success"


def _reads(user: str, path: str) -> str:
    words = ["runuser", "-u", user, "--", "cat", path]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout
