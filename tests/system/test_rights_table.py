# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what, as README and DESIGN (section 11) have it: every caller x every member, with a real polkitd and
real users. Members are taken from the introspection, so that a new one without a row is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from sd_taskpacker.engine.altering import KEYS
from sd_taskpacker.model.names import TaskId
from tests.system.machine import MANAGER, NAME, PATH, Machine
from tests.system.people import PYTHON, ask, people

pytestmark = pytest.mark.needs_root

RULES = """\
polkit.addRule(function(action, subject) {
    if (subject.user == "carl" && action.id.indexOf("org.sdtaskpacker1.") == 0)
        return polkit.Result.YES;
    if (subject.user == "bob" && action.id == "org.sdtaskpacker1.submit" && action.lookup("verb") == "submit"
            && ["runner", "waiter"].indexOf(action.lookup("unit")) >= 0)
        return polkit.Result.YES;
});
"""
"""So that bob has tasks of his own, and may do no more to them than anybody without a rule."""

TABLE: Final = """\
                                          root   group  a rule  others  a task  their user
Introspectable.Introspect                 yes    yes    yes     yes     yes     yes
Peer.Ping                                 yes    yes    yes     yes     yes     yes
Peer.GetMachineId                         yes    yes    yes     yes     yes     yes
Properties.Get                            yes    yes    yes     yes     yes     yes
Properties.GetAll                         yes    yes    yes     yes     yes     yes
Properties.Set                            never  never  never   never   never   never
Task Introspectable.Introspect            yes    yes    yes     yes     yes     yes
Task Peer.Ping                            yes    yes    yes     yes     yes     yes
Task Peer.GetMachineId                    yes    yes    yes     yes     yes     yes
Task Properties.Get                       yes    yes    yes     yes     yes     yes
Task Properties.GetAll                    yes    yes    yes     yes     yes     yes
Task Properties.Set                       never  never  never   never   never   never
ListTasks                                 yes    yes    yes     yes     yes     yes
GetTask                                   yes    yes    yes     yes     yes     yes
Explain                                   yes    yes    yes     yes     yes     yes
GetPlan                                   yes    yes    yes     yes     yes     yes
ListEvents                                yes    yes    yes     yes     yes     yes
ListUnits                                 yes    yes    yes     yes     yes     yes
GetUnitProblems                           yes    yes    yes     yes     yes     yes
BatchTest                                 yes    yes    yes     no      yes     no
BatchSubmit                               yes    yes    yes     no      yes     no
BatchSubmit (argv, as root)               yes    no     yes     no      no      no
BatchQueue                                yes    yes    yes     no      yes     no
WorkorderStart                            yes    yes    yes     no      yes     no
SetTaskProperties (own, priority down)    yes    yes    yes     no      no      -
SetTaskProperties (own, deadline)         yes    yes    yes     no      no      -
SetTaskProperties (own, size)             yes    yes    yes     no      no      -
SetTaskProperties (own, priority up)      yes    no     yes     no      no      -
SetTaskProperties (other, priority down)  yes    no     yes     no      no      no
SetTaskProperties (other, deadline)       yes    no     yes     no      no      no
SetTaskProperties (other, size)           yes    no     yes     no      no      no
SetTaskProperties (other, priority up)    yes    no     yes     no      no      no
Cancel (own)                              yes    yes    yes     no      no      -
Cancel (other)                            yes    no     yes     no      no      no
Kill (own)                                yes    yes    yes     no      no      -
Kill (other)                              yes    no     yes     no      no      no
Decommission                              yes    no     yes     no      no      no
Recommission                              yes    no     yes     no      no      no
Drain                                     yes    no     yes     no      no      no
Resume                                    yes    no     yes     no      no      no
Reload                                    yes    no     yes     no      no      no
"""
"""Made from top to bottom by each caller. `a rule`: an admin's lets him do all; `their user`: the one that tasks run
as, outside of a task; `-` is not asked."""

CALLERS: Final = {
    "root": "root",
    "group": "ann",
    "a rule": "carl",
    "others": "bob",
    "a task": "",
    "their user": "taskpacker",
}
"""Column -> user."""

BATCH: Final = "[Batch]\nExec=/bin/sleep infinity\nSize=tiny\nCPUs=0\n"
UNITS: Final = {
    "quick.batch": BATCH.replace("sleep infinity", "true"),
    "rooted.batch": BATCH.replace("sleep infinity", "true") + "[Service]\nUser=root\n",
    "order.workorder": "[Workorder]\nExec=/bin/true\nSize=tiny\nCPUs=0\n",
    "runner.batch": BATCH,
    "waiter.batch": BATCH + "MaxRunning=1\nOnDeadline=run\n",
    "asker.workorder": f"[Workorder]\nExec={PYTHON} -I /srv/asking.py /srv/rows.json\nCPUs=0\n",
}
REQUEST: Final = "a(sa{sv}a{sv})"
STANDARD: Final = "org.freedesktop.DBus."
PROPERTIES: Final = STANDARD + "Properties"
CHANGES: Final[Mapping[str, dict[str, Any]]] = {
    "priority down": {"priority": ["v", "u", 1]},
    "priority up": {"priority": ["v", "u", 300]},
    "deadline": {"deadline": ["v", "s", "10h"]},
    "size": {"size": ["v", "s", "small"]},
}


def _columns() -> dict[str, dict[str, str]]:
    """Caller -> row -> what it says."""
    head, *lines = TABLE.splitlines()
    wide = len(head) - len(head.lstrip())
    rows = {line[:wide].strip(): line[wide:].split() for line in lines}
    return {caller: {row: words[number] for row, words in rows.items()} for number, caller in enumerate(CALLERS)}


COLUMNS: Final = _columns()


def _standard(path: str, interface: str) -> dict[str, list[Any]]:
    prop = "Version"  # Of the service, or of the task.
    return {
        "Introspectable.Introspect": [path, STANDARD + "Introspectable", "Introspect", ""],
        "Peer.Ping": [path, STANDARD + "Peer", "Ping", ""],
        "Peer.GetMachineId": [path, STANDARD + "Peer", "GetMachineId", ""],
        "Properties.Get": [path, PROPERTIES, "Get", "ss", interface, prop],
        "Properties.GetAll": [path, PROPERTIES, "GetAll", "s", interface],
        "Properties.Set": [path, PROPERTIES, "Set", "ssv", interface, prop, ["v", "s", "x"]],
    }


def _calls(running: str, waiting: str) -> dict[str, list[Any]]:
    """Row -> path, interface, member, signature, values. The ids are of somebody else's tasks."""
    owners = {"own": ("{own-running}", "{own-waiting}"), "other": (running, waiting)}
    methods: dict[str, list[Any]] = {
        "ListTasks": ["a{sv}", {}],
        "GetTask": ["s", waiting],
        "Explain": ["s", waiting],
        "GetPlan": ["s", "text"],
        "ListEvents": ["tu", 0, 1],
        "ListUnits": [""],
        "GetUnitProblems": ["s", "quick"],
        "BatchTest": [REQUEST, [["quick", {}, {}]]],
        "BatchSubmit": [REQUEST, [["quick", {}, {}]]],
        "BatchSubmit (argv, as root)": [REQUEST, [["rooted", {"argv": ["v", "as", ["x"]]}, {}]]],
        "BatchQueue": [REQUEST, [["quick", {}, {}]]],
        "WorkorderStart": [REQUEST, [["order", {}, {}]]],
        "Decommission": ["s", "quick"],
        "Recommission": ["s", "quick"],
        "Drain": [""],
        "Resume": [""],
        "Reload": [""],
    }
    for owner, (runs, waits) in owners.items():
        methods[f"Cancel ({owner})"] = ["s", waits]
        methods[f"Kill ({owner})"] = ["ss", runs, "URG"]  # Which does nothing: others try it after us.
        for change, properties in CHANGES.items():
            methods[f"SetTaskProperties ({owner}, {change})"] = ["sa{sv}", waits, properties]
    task = _standard(TaskId.parse(running).object_path, f"{NAME}.Task")
    return (
        _standard(PATH, MANAGER)
        | {f"Task {row}": call for row, call in task.items()}
        | {row: [PATH, MANAGER, row.partition(" ")[0], *rest] for row, rest in methods.items()}
    )


@pytest.fixture(scope="module", autouse=True)
def _people() -> Iterator[None]:
    with people(RULES):
        yield


@pytest.fixture
def at(machine: Machine) -> Machine:
    for name, text in UNITS.items():
        machine.write_unit(name, text)
    machine.write_file("/srv/asking.py", (Path(__file__).parent / "asking.py").read_text())
    machine.call("BatchSubmit", REQUEST, [["waiter", {}, {}]])  # All others of this unit wait behind it.
    return machine


def _tasks_of(machine: Machine, user: str) -> list[str]:
    """One that runs and one that waits."""
    return [machine.as_user(user, "submit", unit).stdout.strip() for unit in ("runner", "waiter")]


def _write_rows(machine: Machine, rows: Mapping[str, str], own: list[str], others: list[str]) -> None:
    calls = _calls(*others)
    asked = {row: calls[row] for row, word in rows.items() if word != "-"}
    machine.write_file("/srv/rows.json", json.dumps({"own": own, "rows": asked}))


def _words(found: Mapping[str, str]) -> dict[str, str]:
    """As the table says it; any other error as it is."""
    said = {f"{NAME}.Error.AccessDenied": "no", "org.freedesktop.DBus.Error.PropertyReadOnly": "never"}
    return {row: said.get(answer.partition(":")[0], answer) for row, answer in found.items()}


def _expected(rows: Mapping[str, str]) -> dict[str, str]:
    return {row: word for row, word in rows.items() if word != "-"}


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller != "a task"])
def test_with_polkit(at: Machine, caller: str) -> None:
    user, rows = CALLERS[caller], COLUMNS[caller]
    own = ["-", "-"] if "-" in rows.values() else _tasks_of(at, user)
    _write_rows(at, rows, own, _tasks_of(at, "ann" if user == "root" else "root"))
    assert _words(ask(user)) == _expected(rows)


def test_a_running_task(at: Machine) -> None:
    rows = COLUMNS["a task"]
    _write_rows(at, rows, [], _tasks_of(at, "root"))
    (asker,) = at.call("WorkorderStart", REQUEST, [["asker", {}, {}]])
    task = at.closed(asker)
    assert task["result"] == "success", at.output(task)
    assert _words(json.loads(at.output(task))) == _expected(rows)


@pytest.fixture(params=["stopped", "masked", "removed"])
def polkit(request: pytest.FixtureRequest, machine: Machine) -> Iterator[str]:
    """What became of polkit, though the tasks were submitted while it was there."""
    service = Path("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
    aside = Path("/srv/polkit.service")
    yield str(request.param)
    machine.systemctl("unmask", "--runtime", "polkit.service")
    if aside.exists():
        shutil.move(aside, service)
        machine.systemctl("reload", "dbus.service")


def _take_away_polkit(machine: Machine, how: str) -> None:
    if how == "masked":
        machine.systemctl("mask", "--runtime", "polkit.service")
    if how == "removed":
        shutil.move("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service", "/srv/polkit.service")
        machine.systemctl("reload", "dbus.service")
    machine.systemctl("stop", "polkit.service")


@pytest.mark.parametrize("caller", ["root", "group", "a rule", "others", "their user"])
def test_without_polkit_the_group_does_all_and_others_only_look(at: Machine, polkit: str, caller: str) -> None:
    """One that is merely stopped is started again by the question."""
    user, rows = CALLERS[caller], COLUMNS[caller]
    own = ["-", "-"] if "-" in rows.values() else _tasks_of(at, user)
    _write_rows(at, rows, own, _tasks_of(at, "ann" if user == "root" else "root"))
    _take_away_polkit(at, polkit)
    stands_for = caller if polkit == "stopped" else {"group": "root", "a rule": "others"}.get(caller, caller)
    expected = {row: COLUMNS[stands_for][row] for row in _expected(rows)}
    assert _words(ask(user)) == expected


def _introspected(machine: Machine, path: str) -> ElementTree.Element:
    shown = subprocess.run(
        ["busctl", "call", "--json=short", NAME, path, STANDARD + "Introspectable", "Introspect"],
        capture_output=True,
        text=True,
        check=True,
    )
    return ElementTree.fromstring(json.loads(shown.stdout)["data"][0])


def _members(node: ElementTree.Element, prefix: str) -> set[str]:
    names = {
        f"{interface.attrib['name'].rpartition('.')[2]}.{method.attrib['name']}"
        for interface in node.iter("interface")
        for method in interface.iter("method")
    }
    return {prefix + name.removeprefix("Manager.") for name in names}


def test_every_member_has_a_row_and_no_property_can_be_set(at: Machine) -> None:
    running, waiting = _tasks_of(at, "root")
    path = TaskId.parse(running).object_path
    nodes = {PATH: _introspected(at, PATH), path: _introspected(at, path)}
    rows = {row.partition(" (")[0] for row in COLUMNS["root"]}
    assert rows == _members(nodes[PATH], "") | _members(nodes[path], "Task ")
    assert set(COLUMNS["root"]) == set(_calls(running, waiting))
    assert {key for change in CHANGES.values() for key in change} == set(KEYS)
    access = {each.attrib["name"]: each.attrib["access"] for node in nodes.values() for each in node.iter("property")}
    assert access
    assert set(access.values()) == {"read"}
