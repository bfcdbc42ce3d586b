# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from dbus_next.signature import Variant

from sd_taskpacker.cli.bulk import from_json, from_lines, read
from sd_taskpacker.cli.calls import MAX_BYTES, MAX_TASKS, Placed, calls, where_it_was_written
from sd_taskpacker.errors import InvalidArgs, InvalidParameters
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value
from tests.cli.standin import Standin, run

COMMON = Request("massif", {"priority": Value("u", 5)}, {"depth": Value("s", "3")})
NONE = Request("", {}, {})


def text(data: str) -> Value:
    return Value("s", data)


def test_each_line_is_a_task_with_what_the_command_line_says_for_all() -> None:
    lines = "target=/a\n\n  # a comment\ntarget='/b c' depth=4\r\ntarget=x target=y\n"
    first, second, third = from_lines(lines, "jobs", COMMON)
    assert first == Placed(Request("massif", COMMON.args, {"depth": text("3"), "target": text("/a")}), "jobs:1")
    assert second.request.params == {"depth": text("4"), "target": text("/b c")}
    assert (second.place, third.place) == ("jobs:4", "jobs:5")
    assert third.request.params["target"] == Value("as", ["x", "y"])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("a=1\nb\n", "jobs:2: 'b' is not a parameter"),
        ("a='x\n", "jobs:1: the quote ' that opens"),
        ("a=\\q\n", "jobs:1: a backslash before 'q'"),
        ("=1\n", "jobs:1: '=1' is not a parameter"),
        ("\n# nothing\n", "jobs asks for nothing"),
    ],
)
def test_a_line_that_is_wrong_is_named(lines: str, said: str) -> None:
    with pytest.raises(InvalidArgs) as told:
        from_lines(lines, "jobs", COMMON)
    assert told.value.message.startswith(said)
    assert told.value.hint


def test_json_keeps_types_and_may_name_the_unit() -> None:
    entries: Any = [
        {"unit": "a", "args": {"priority": 7, "deadline": "1h", "argv": ["-x"]}, "params": {"n": 3, "on": True}},
        {"params": {"x": 0.5, "each": [1, 2]}},
        {},
    ]
    first, second, third = from_json(json.dumps(entries), "jobs", COMMON)
    assert first.request == Request(
        "a",
        {"priority": Value("u", 7), "deadline": text("1h"), "argv": Value("as", ["-x"])},
        {"depth": text("3"), "n": Value("x", 3), "on": Value("b", True)},
    )
    assert second.request.params == {"depth": text("3"), "x": Value("d", 0.5), "each": Value("ax", [1, 2])}
    assert third.request == COMMON
    assert third.place == "jobs: entry 3"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[", "jobs:1: not JSON: "),
        ("[\n{},\n]", "jobs:3: not JSON: "),
        ("[" * 100_000, "jobs: not JSON: "),
        ("{}", "jobs: must be a list such as "),
        ("[]", "jobs asks for nothing"),
        ("[3]", "jobs: entry 1: 3 is not an object"),
        ("[{}]", "jobs: entry 1: has no unit, and the command line has none either"),
        ('[{"unit": 3}]', "jobs: entry 1: has no unit"),
        ('[{"unit": "a", "arg": {}}]', "jobs: entry 1: unknown key 'arg'; there are unit, args and params"),
        ('[{"unit": "a"}, {"unit": "a", "params": []}]', "jobs: entry 2: params: [] is not an object"),
        ('[{"unit": "a", "args": {"colour": 1}}]', "jobs: entry 1: unknown key 'colour' in args; there are priority"),
        (
            '[{"unit": "a", "args": {"priority": -1}}]',
            "jobs: entry 1: args key 'priority': -1 is not a number from 0",
        ),
        ('[{"unit": "a", "args": {"priority": true}}]', "jobs: entry 1: args key 'priority': True is not a number"),
        ('[{"unit": "a", "args": {"argv": "x"}}]', "jobs: entry 1: args key 'argv': 'x' is not a list of strings"),
        ('[{"unit": "a", "args": {"deadline": []}}]', "jobs: entry 1: args key 'deadline': [] is not a string or a"),
        ('[{"unit": "a", "params": {"x": null}}]', "jobs: entry 1: params key 'x': None is not a string"),
        (
            '[{"unit": "a", "params": {"x": [1, "a"]}}]',
            "jobs: entry 1: params key 'x': a list has values of one type",
        ),
        (
            '[{"unit": "a", "params": {"x": 9223372036854775808}}]',
            "jobs: entry 1: params key 'x': 9223372036854775808",
        ),
    ],
)
def test_json_that_is_wrong_is_refused_with_its_place(document: str, said: str) -> None:
    with pytest.raises(InvalidArgs) as told:
        from_json(document, "jobs", NONE)
    assert told.value.message.startswith(said)
    assert told.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgs, match="nope cannot be read: No such file or directory"):
        read(str(tmp_path / "nope"))
    (tmp_path / "latin").write_bytes(b"a=1\nb=\xe4\n")
    with pytest.raises(InvalidArgs, match="latin:2: not valid UTF-8"):
        read(str(tmp_path / "latin"))


def test_a_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("x=世\n".encode())))
    assert read("-") == "x=世\n"


def placed(count: int, value: Value) -> list[Placed]:
    return [Placed(Request("a", {}, {"x": value}), f"jobs:{number}") for number in range(1, count + 1)]


def test_thousands_are_one_call_and_more_are_as_few_as_the_service_takes() -> None:
    assert [len(call) for call in calls(placed(MAX_TASKS, text("1")))] == [MAX_TASKS]
    assert [len(call) for call in calls(placed(MAX_TASKS + 1, text("1")))] == [MAX_TASKS, 1]
    assert [len(call) for call in calls(placed(5, Value("as", ["1"] * 4_000)))] == [2, 2, 1]
    assert [len(call) for call in calls(placed(3, text("x" * (MAX_BYTES // 2))))] == [1, 1, 1]
    # One that is too large on its own is left to the service, which says so.
    assert [len(call) for call in calls(placed(1, text("x" * MAX_BYTES * 2)))] == [1]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("request 2 ('a'): x: wants a number", "jobs:2: a: x: wants a number"),
        ("request 2 ('a'), args, key 'x': no", "jobs:2: a: args, key 'x': no"),
        ("request 9 ('a'): x", "request 9 ('a'): x"),
        ("the store is full", "the store is full"),
    ],
)
def test_an_error_of_the_service_names_the_line_instead_of_the_request(message: str, said: str) -> None:
    error = where_it_was_written(InvalidParameters(message, hint="do this"), placed(3, text("1")))
    assert (type(error), error.message, error.hint) == (InvalidParameters, said, "do this")


def test_an_error_about_the_command_line_has_no_number() -> None:
    error = where_it_was_written(InvalidArgs("request 1 ('a'): x: wants a number"), [Placed(Request("a", {}, {}))])
    assert error.message == "a: x: wants a number"


async def test_submit_each_line_is_one_call_and_prints_the_ids(
    service: Standin, address: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text("x=1\nx=2\n", encoding="ascii")
    service.answers["BatchQueue"] = ("a(asas)", [[[["a@1"], []], [["a@2"], []]]])
    done = await run(address, "submit", "a", "y=3", f"--each-line={tmp_path}/jobs")
    assert (done.status, done.out, done.err) == (0, "a@1\na@2\n", "")
    sent = [["a", {}, {"y": Variant("s", "3"), "x": Variant("s", n)}] for n in ("1", "2")]
    assert service.calls == [("BatchQueue", "a(sa{sv}a{sv})", [sent])]


async def test_submit_from_json_needs_no_unit_on_the_command_line(
    service: Standin, address: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text('[{"unit": "b"}]', encoding="ascii")
    service.answers["BatchQueue"] = ("a(asas)", [[[["b@1"], []]]])
    done = await run(address, "submit", f"--from-json={tmp_path}/jobs", "--json")
    assert json.loads(done.out) == {"accepted": ["b@1"], "rejected": []}
    assert service.calls == [("BatchQueue", "a(sa{sv}a{sv})", [[["b", {}, {}]]])]


async def test_a_wrong_line_submits_nothing(service: Standin, address: str, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("x=1\nwrong\n", encoding="ascii")
    done = await run(address, "submit", "a", f"--each-line={tmp_path}/jobs")
    assert (done.status, done.out, service.calls) == (65, "", [])
    wrong, hint = done.err.splitlines()
    assert wrong == f"{tmp_path}/jobs:2: 'wrong' is not a parameter; write NAME=VALUE"
    assert hint == "Hint: nothing was submitted; correct it and submit again"


async def test_a_later_call_that_fails_says_what_the_earlier_ones_did(
    service: Standin, address: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text("x=1\n" * (MAX_TASKS + 1), encoding="ascii")

    def answer(requests: list[Any]) -> tuple[str, Any]:
        if len(requests) == 1:
            return "org.sdtaskpacker1.Error.InvalidParameters", ["request 1 ('a'): x: too much"]
        return "a(asas)", [[[["a@1"], []]] * len(requests)]

    service.answers["BatchQueue"] = answer
    done = await run(address, "submit", "a", f"--each-line={tmp_path}/jobs")
    assert (done.status, len(done.out.splitlines())) == (65, MAX_TASKS)
    first, wrong, _ = done.err.splitlines()
    assert first == f"The first {MAX_TASKS} of {MAX_TASKS + 1} requests were submitted; from here on nothing was:"
    assert wrong == f"{tmp_path}/jobs:{MAX_TASKS + 1}: a: x: too much"


LIMIT = "org.sdtaskpacker1.Error.LimitExceeded"


def takes(service: Standin, most: int, hint: str = "split the call; an admin can raise tasks_per_call") -> None:
    """The service takes so many requests in one call."""

    def answer(requests: list[Any]) -> tuple[str, Any]:
        if len(requests) > most:
            return LIMIT, [f"more than {most} tasks in one call\nHint: {hint}"]
        return "a(asas)", [[[[f"a@{params['x'].value}"], []] for _, _, params in requests]]

    service.answers["BatchQueue"] = answer


async def test_a_call_that_is_too_large_for_this_service_is_made_smaller(
    service: Standin, address: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text("".join(f"x={number}\n" for number in range(50)), encoding="ascii")
    takes(service, 10)
    done = await run(address, "submit", "a", f"--each-line={tmp_path}/jobs")
    assert (done.status, done.out.split(), done.err) == (0, [f"a@{number}" for number in range(50)], "")
    # What one call has taught is kept in mind for the rest.
    assert len(service.called("BatchQueue")) == 3 + 9


async def test_what_is_refused_for_another_limit_is_not_asked_for_again(
    service: Standin, address: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text("x=1\nx=2\n", encoding="ascii")
    takes(service, 1, hint="try again when some have ended")
    done = await run(address, "submit", "a", f"--each-line={tmp_path}/jobs")
    assert (done.status, done.out, len(service.called("BatchQueue"))) == (75, "", 1)


async def test_one_request_that_is_too_large_by_itself_is_named(
    service: Standin, address: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs").write_text("x=1\nx=2\n", encoding="ascii")
    takes(service, 0)
    done = await run(address, "submit", "a", f"--each-line={tmp_path}/jobs")
    assert (done.status, done.out) == (75, "")
    assert [len(requests) for (requests,) in service.called("BatchQueue")] == [2, 1]
