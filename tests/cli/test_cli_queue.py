# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json

import pytest
from dbus_next.signature import Variant

from tests.cli.standin import Standin, run

ERROR = "org.sdtaskpacker1.Error."


async def test_why_shows_each_reason(service: Standin, address: str) -> None:
    service.answers["Explain"] = ("a(sss)", [[["memory", "not-now", "wants 1G, 256M is free"]]])
    done = await run(address, "why", "massif@1")
    head, reason = done.out.splitlines()
    assert (done.status, head.split()) == (0, ["RESOURCE", "VERDICT", "REASON"])
    assert reason == "memory    not-now  wants 1G, 256M is free"
    (shown,) = json.loads((await run(address, "why", "massif@1", "--json")).out)
    assert shown == {"resource": "memory", "verdict": "not-now", "text": "wants 1G, 256M is free"}
    assert service.called("Explain") == [["massif@1"]] * 2


async def test_why_of_an_unknown_task_exits_4(service: Standin, address: str) -> None:
    service.answers["Explain"] = (ERROR + "NoSuchTask", ["there is no task 'nope@1'"])
    done = await run(address, "why", "nope@1")
    assert (done.status, done.out, len(done.err.splitlines())) == (4, "", 2)


async def test_the_plan_is_text_that_drives_no_terminal(service: Standin, address: str) -> None:
    service.answers["GetPlan"] = ("s", ["now |##\x1b[31m\n\nlater\n"])
    done = await run(address, "plan")
    assert (done.status, done.out) == (0, "now |##\\x1b[31m\n\nlater\n")
    assert service.called("GetPlan") == [["text"]]


@pytest.mark.parametrize("form", ["svg", "html"])
async def test_a_drawing_is_printed_as_it_is(service: Standin, address: str, form: str) -> None:
    service.answers["GetPlan"] = ("s", ["<svg>\n\t<text>世\u200e</text></svg>"])
    done = await run(address, "plan", f"--{form}", PYTHONUTF8="1")
    assert (done.status, done.out) == (0, "<svg>\n\t<text>世\u200e</text></svg>\n")
    assert service.called("GetPlan") == [[form]]


async def test_the_plan_as_json_is_one_document(service: Standin, address: str) -> None:
    service.answers["GetPlan"] = ("s", ['{"now": 5,\n "bars": []}'])
    assert (await run(address, "plan", "--json")).out == '{"now":5,"bars":[]}\n'
    assert (await run(address, "plan", "--json=pretty")).out == '{\n\t"now": 5,\n\t"bars": []\n}\n'
    assert service.called("GetPlan") == [["json"]] * 2


async def test_several_are_cancelled_even_if_one_cannot_be(service: Standin, address: str) -> None:
    service.answers["Cancel"] = (ERROR + "WrongState", ["it runs already"])
    done = await run(address, "cancel", "a@1", "b@1")
    assert (done.status, done.out) == (1, "")
    hint = "Hint: taskpackerctl status ID shows the state that the task is in"
    assert done.err.splitlines() == ["it runs already", hint] * 2
    assert service.called("Cancel") == [["a@1"], ["b@1"]]


async def test_without_the_service_cancel_does_not_go_on(address: str) -> None:
    done = await run(address, "cancel", "a@1", "b@1")
    assert (done.status, len(done.err.splitlines())) == (69, 2)


async def test_set_property_is_one_call_with_the_types_of_the_contract(service: Standin, address: str) -> None:
    done = await run(address, "set-property", "a@1", "priority=7", "deadline=1h", "size=large")
    assert (done.status, done.out, done.err) == (0, "", "")
    properties = {"priority": Variant("u", 7), "deadline": Variant("s", "1h"), "size": Variant("s", "large")}
    assert service.called("SetTaskProperties") == [["a@1", properties]]


async def test_drain_says_what_it_means_and_how_to_end_it(service: Standin, address: str) -> None:
    done = await run(address, "drain")
    assert (done.status, done.out) == (0, "")
    assert "taskpackerctl resume" in done.err
