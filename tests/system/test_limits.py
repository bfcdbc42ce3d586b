# SPDX-License-Identifier: LGPL-2.1-or-later
"""[limits] of taskpacker.toml: over one of them the call fails and says which; others are served."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from dbus_next import Variant

from tests.system.machine import MANAGER, PATH, BatchCall, Machine
from tests.system.people import PYTHON, ask, people

pytestmark = pytest.mark.needs_root

CONFIG: Final = Path("/etc/sd-taskpacker/taskpacker.toml")
REQUEST: Final = "a(sa{sv}a{sv})"
BATCH: Final = (
    "[Batch]\nExec=/bin/sleep infinity\nSize=tiny\nCPUs=0\nMaxRunning=1\n[Parameter]\nName=text\nDefault=none\n"
)
UNITS: Final = {
    "waiter.batch": BATCH,
    "quick.batch": "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n",
    "order.workorder": "[Workorder]\nExec=/bin/sleep infinity\nSize=tiny\nCPUs=0\n",
    "asker.workorder": f"[Workorder]\nExec={PYTHON} -I /srv/asking.py /srv/rows.json\nCPUs=0\n",
}


@pytest.fixture(scope="module", autouse=True)
def _people() -> Iterator[None]:
    with people(""):
        yield


@pytest.fixture
def limited(machine: Machine) -> Iterator[Callable[..., Machine]]:
    """With these limits, and one task of root's that all others of its unit wait for."""
    before = CONFIG.read_text()

    def limit(**limits: int) -> Machine:
        CONFIG.write_text("[limits]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items()))
        machine.call("Reload", "")
        return machine

    for name, text in UNITS.items():
        machine.write_unit(name, text)
    machine.write_file("/srv/asking.py", (Path(__file__).parent / "asking.py").read_text())
    machine.batch_submit(BatchCall("waiter"))
    yield limit
    CONFIG.write_text(before)
    machine.call("Reload", "")


def _write(machine: Machine, *calls: list[Any]) -> None:
    rows = {str(number): [PATH, MANAGER, *call] for number, call in enumerate(calls)}
    machine.write_file("/srv/rows.json", json.dumps({"own": ["-", "-"], "rows": rows}))


def _ask(machine: Machine, user: str, *calls: list[Any]) -> list[str]:
    _write(machine, *calls)
    return list(ask(user).values())


def _queue(*units: str, args: dict[str, Any] | None = None, params: dict[str, Any] | None = None) -> list[Any]:
    return ["BatchQueue", REQUEST, [[unit, args or {}, params or {}] for unit in units]]


START: Final[list[Any]] = ["WorkorderStart", REQUEST, [["order", {}, {}]]]
LONG: Final = {"argv": ["v", "as", ["x" * 100_000] * 4]}
FAN: Final = {"text": ["v", "as", ["a", "b", "c"]]}


@pytest.mark.parametrize(
    ("setting", "value", "calls"),
    [
        ("waiting_per_user", 2, [_queue("waiter", "waiter"), _queue("waiter")]),
        ("waiting_mebibytes_per_user", 1, [_queue("waiter", args=LONG)] * 3),
        ("workorders_per_user", 2, [START, START, START]),
        ("tasks_per_call", 2, [_queue("quick", "quick"), _queue("quick", "quick", "quick")]),
        ("tasks_per_call", 2, [_queue("quick"), _queue("waiter", params=FAN)]),
        ("mebibytes_per_call", 1, [_queue("waiter", args=LONG), _queue("waiter", args=LONG, params=FAN)]),
    ],
)
def test_one_user_reaches_a_limit_and_others_do_not_feel_it(
    limited: Callable[..., Machine], setting: str, value: int, calls: list[list[Any]]
) -> None:
    at = limited(**{setting: value})
    *good, over = _ask(at, "ann", *calls)
    assert set(good) == {"yes"}
    assert over.startswith("org.sdtaskpacker1.Error.LimitExceeded: "), over
    assert setting in over
    assert _ask(at, "root", calls[0]) == ["yes"]
    assert _ask(at, "ann", ["ListTasks", "a{sv}", {}]) == ["yes"]


def test_calls_that_come_too_often_are_refused_and_those_of_others_are_not(limited: Callable[..., Machine]) -> None:
    at = limited(calls_at_once=3, calls_per_second=1)
    answers = _ask(at, "ann", *[_queue("quick")] * 50)
    refused = [answer for answer in answers if answer != "yes"]
    assert answers[:3] == ["yes"] * 3
    assert refused
    assert all("LimitExceeded" in answer and "calls_per_second" in answer for answer in refused)
    assert _ask(at, "root", *[_queue("quick")] * 5) == ["yes"] * 5


def test_all_users_together_reach_a_limit_and_what_need_not_wait_is_served(limited: Callable[..., Machine]) -> None:
    at = limited(waiting=3)
    assert _ask(at, "ann", _queue("waiter", "waiter")) == ["yes"]
    first, over = _ask(at, "root", _queue("waiter"), _queue("waiter"))
    assert first == "yes"
    assert "LimitExceeded" in over
    assert " waiting in [limits]" in over
    assert at.run("quick")["result"] == "success"


def test_tasks_that_ask_for_themselves_find_an_end(limited: Callable[..., Machine]) -> None:
    at = limited(depth=3)
    _write(at, ["WorkorderStart", REQUEST, [["asker", {}, {}]]])
    at.call("WorkorderStart", REQUEST, [["asker", {}, {}]])
    wanted = {"root": Variant("s", "asker"), "state": Variant("as", ["complete", "failed"])}

    def ended() -> dict[str, dict[str, Any]]:
        return {task["name"]: task for task in at.call("ListTasks", "a{sv}", wanted)}

    at.wait(lambda: "asker/asker/asker" in ended(), "the third of them has asked")
    (answer,) = json.loads(at.output(at.closed(ended()["asker/asker/asker"]["id"]))).values()
    assert "LimitExceeded" in answer
    assert "depth" in answer
    assert at.run("quick")["result"] == "success"


@pytest.mark.parametrize(
    "call",
    [
        ["BatchQueue", REQUEST, [["quick", {"version": ["v", "s", "v" * 300]}, {}]]],
        ["BatchQueue", REQUEST, [["q" * 5_000, {}, {}]]],
        ["BatchQueue", REQUEST, [["quick", {"k" * 5_000: ["v", "s", ""]}, {}]]],
        ["BatchQueue", REQUEST, [["quick", {}, {"p" * 5_000: ["v", "s", ""]}]]],
        ["GetTask", "s", "x" * 5_000],
        ["Cancel", "s", "x/" * 2_000 + "x@1"],
        ["Decommission", "s", "x" * 5_000],
    ],
    ids=lambda call: f"{call[0]}-{str(call[2])[:20]}",
)
def test_a_name_that_is_too_long_is_refused_in_few_words(limited: Callable[..., Machine], call: list[Any]) -> None:
    (answer,) = _ask(limited(), "root", call)
    assert answer.startswith("org.sdtaskpacker1.Error."), answer
    assert len(answer) < 600
