# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input of every kind: a named error that says which request and which key; nothing started, nothing left."""

from __future__ import annotations

import pytest

from sd_taskpacker.errors import Unreachable
from tests.system.machine import BatchCall, CallFailed, Machine

UNIT = """\
[Batch]
Exec=/bin/true
CPUs=0
[Parameter]
Name=mode
Type=enum
Values=fast slow
Default=fast
[Parameter]
Name=level
Type=int
Maximum=9
Default=1
[Parameter]
Name=file
Type=path
Default=/etc/hostname
"""


@pytest.fixture(autouse=True)
def _good_unit(machine: Machine) -> None:
    machine.write_unit("good.batch", UNIT)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (BatchCall("nosuch"), "NoSuchUnit", ["request 2", "nosuch"]),
        (BatchCall("../../etc/passwd"), "NoSuchUnit", ["request 2"]),
        (BatchCall("a/b"), "NoSuchUnit", ["request 2"]),
        (BatchCall(""), "NoSuchUnit", ["request 2"]),
        (BatchCall("x" * 900_000), "NoSuchUnit", ["request 2"]),
        (BatchCall("good", params={"bogus": "1"}), "InvalidParameters", ["request 2", "bogus"]),
        (BatchCall("good", params={"mode": "medium"}), "InvalidParameters", ["request 2", "mode", "fast"]),
        (BatchCall("good", params={"level": 10}), "InvalidParameters", ["request 2", "level", "9"]),
        (BatchCall("good", params={"level": "many"}), "InvalidParameters", ["request 2", "level"]),
        (BatchCall("good", params={"level": True}), "InvalidParameters", ["request 2", "level"]),
        (BatchCall("good", params={"file": "/etc/../etc/shadow"}), "InvalidParameters", ["request 2", "file"]),
        (BatchCall("good", params={"mode": []}), "InvalidParameters", ["request 2", "mode"]),
        (BatchCall("good", args={"prio": 1}), "InvalidArgs", ["request 2", "prio"]),
        (BatchCall("good", args={"priority": "high"}), "InvalidArgs", ["request 2", "priority"]),
        (BatchCall("good", args={"size": "enormous"}), "InvalidArgs", ["request 2", "size"]),
        (BatchCall("good", args={"version": ".."}), "InvalidArgs", ["request 2", "version"]),
        (BatchCall("good", args={"version": "a/b"}), "InvalidArgs", ["request 2", "version"]),
        (BatchCall("good", args={"version": "v" * 300}), "InvalidArgs", ["request 2", "version"]),
        (BatchCall("good", args={"deadline": "soon"}), "InvalidArgs", ["request 2", "deadline"]),
    ],
    ids=str,
)
def test_a_bad_request_fails_the_whole_call(machine: Machine, call: BatchCall, error: str, says: list[str]) -> None:
    before = machine.traces()
    with pytest.raises(CallFailed) as caught:
        machine.batch_submit(BatchCall("good"), call)
    assert caught.value.name == f"org.sdtaskpacker1.Error.{error}"
    assert all(word in caught.value.text for word in says), caught.value.text
    assert len(caught.value.text) < 1000
    assert "Traceback" not in caught.value.text
    assert machine.traces() == before
    assert machine.run("good")["result"] == "success"


def test_a_version_clash_is_told(machine: Machine) -> None:
    task_id = machine.run("good", args={"version": machine.fresh("v")})["id"]
    with pytest.raises(CallFailed, match="version") as caught:
        machine.batch_submit(BatchCall("good", args={"version": task_id.partition("@")[2]}))
    assert task_id in caught.value.text


def test_ten_megabytes_are_refused_and_others_served(machine: Machine) -> None:
    before = machine.traces()
    with pytest.raises(CallFailed) as caught:
        machine.batch_submit(BatchCall("good", params={"mode": "x" * 10_000_000}))
    assert caught.value.name == "org.sdtaskpacker1.Error.LimitExceeded"
    assert machine.traces() == before
    assert machine.run("good")["result"] == "success"


def test_a_hundred_thousand_requests_are_refused_and_others_served(machine: Machine) -> None:
    before = machine.traces()
    with pytest.raises(CallFailed) as caught:
        machine.batch_submit(*[BatchCall("good")] * 100_000)
    assert caught.value.name == "org.sdtaskpacker1.Error.LimitExceeded"
    assert machine.traces() == before
    assert machine.run("good")["result"] == "success"


def test_a_body_of_another_type_is_refused(machine: Machine) -> None:
    with pytest.raises(CallFailed) as caught:
        machine.call("BatchSubmit", "s", "good")
    assert caught.value.name.startswith(("org.freedesktop.DBus.Error.", "org.sdtaskpacker1.Error."))
    assert machine.run("good")["result"] == "success"


def test_a_nul_never_gets_through(machine: Machine) -> None:
    before = machine.traces()
    with pytest.raises(Unreachable, match="bus"):  # The bus itself throws out who sends a NUL.
        machine.batch_submit(BatchCall("go\0od"))
    machine.reconnect()
    assert machine.traces() == before
    assert machine.run("good")["result"] == "success"


@pytest.mark.needs_root
def test_strangers_may_look_and_not_submit(machine: Machine) -> None:
    looked = machine.as_user("nobody", "list")
    assert looked.returncode == 0, looked.stderr
    asked = machine.as_user("nobody", "submit", "good")
    assert asked.returncode == 77, asked.stderr
    assert "may not submit" in asked.stderr
