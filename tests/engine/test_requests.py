# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine.requests import Office, examine
from sd_taskpacker.errors import (
    Decommissioned,
    InvalidArgs,
    InvalidParameters,
    LimitExceeded,
    NoSuchUnit,
    TaskpackerError,
)
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.unit import Catalogue, Kind, ParameterType, RefusedUnit
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, NOW, PLACE, TODAY, office, parameter, request, state, task, unit


def _refused(at: Office, *requests: Request, kind: Kind = Kind.BATCH, caller: Caller = ADMIN) -> TaskpackerError:
    with pytest.raises(TaskpackerError) as caught:
        examine(at, kind, caller, requests, NOW)
    return caught.value


def _args(**args: Value) -> Request:
    return request(args=dict(args))


def test_an_error_names_the_request_and_the_unit() -> None:
    error = _refused(office(unit()), request(), request("nosuch"))
    assert isinstance(error, NoSuchUnit)
    assert "request 2 ('nosuch')" in str(error)


def test_a_unit_of_the_other_kind_says_which_method_to_use() -> None:
    error = _refused(office(unit(kind=Kind.WORKORDER)), request())
    assert isinstance(error, NoSuchUnit)
    assert "WorkorderStart" in str(error)


def test_a_refused_unit_says_where_its_problems_are() -> None:
    broken = Catalogue(refused=(RefusedUnit("job", Kind.BATCH, "/units/job.batch", ()),))
    error = _refused(office(catalogue=broken), request())
    assert "GetUnitProblems" in str(error)


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".", "..", "a\0b", "ü", "x" * 10_000_000, "job@1"])
def test_no_name_escapes(name: str) -> None:
    error = _refused(office(unit()), request(name))
    assert isinstance(error, NoSuchUnit)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("prio", Value("u", 1)),
        ("priority", Value("s", "high")),
        ("priority", Value("b", True)),
        ("priority", Value("x", -1)),
        ("priority", Value("t", 1 << 32)),
        ("deadline", Value("s", "soon")),
        ("deadline", Value("d", 1.5)),
        ("size", Value("s", "huge")),
        ("size", Value("s", "0")),
        ("size", Value("u", 4)),
        ("cpus", Value("u", 65_536)),
        ("expected", Value("t", 0)),
        ("version", Value("s", "..")),
        ("version", Value("s", "a/b")),
        ("version", Value("u", 1)),
        ("argv", Value("s", "x")),
        ("argv", Value("as", ["x" * 131_072])),
        ("tag", Value("s", "a\nb")),
        ("tag", Value("s", "x" * 257)),
    ],
)
def test_a_bad_arg_names_its_key(key: str, given: Value) -> None:
    error = _refused(office(unit()), request(), _args(**{key: given}))
    assert isinstance(error, InvalidArgs)
    assert "request 2" in str(error)
    assert f"'{key}'" in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize("key", ["priority", "deadline"])
def test_a_workorder_is_not_scheduled_and_says_so(key: str) -> None:
    error = _refused(office(unit(kind=Kind.WORKORDER)), _args(**{key: Value("u", 1)}), kind=Kind.WORKORDER)
    assert isinstance(error, InvalidArgs)


def test_a_bad_parameter_names_its_key() -> None:
    at = office(unit(parameters=(parameter("mode", type=ParameterType.ENUM, values=("fast", "slow")),)))
    error = _refused(at, request(mode="fast"), request(mode="bogus"))
    assert isinstance(error, InvalidParameters)
    assert "request 2" in str(error)
    assert "mode" in str(error)


def test_an_unknown_parameter_is_an_error() -> None:
    assert isinstance(_refused(office(unit()), request(colour="red")), InvalidParameters)


def test_a_version_that_history_knows_clashes() -> None:
    known = task("job", "v1").id
    error = _refused(office(unit(), taken=frozenset({known})), _args(version=Value("s", "v1")))
    assert isinstance(error, InvalidArgs)
    assert "'version'" in str(error)
    assert "job@v1" in str(error)


def test_a_version_that_runs_clashes() -> None:
    at = office(unit(), of=state(task("job", "v1")))
    assert isinstance(_refused(at, _args(version=Value("s", "v1"))), InvalidArgs)


def test_a_version_given_twice_in_one_call_clashes() -> None:
    twice = _args(version=Value("s", f"{TODAY}.5"))
    assert "request 2" in str(_refused(office(unit()), twice, twice))


def test_one_version_cannot_name_a_fan_out() -> None:
    at = office(unit(parameters=(parameter(),)))
    asked = request(args={"version": Value("s", "v1")}, target=["/a", "/b"])
    assert isinstance(_refused(at, asked), InvalidArgs)


def test_a_decommissioned_root_takes_no_more_and_nor_do_its_children() -> None:
    parent = task("build")
    at = office(unit(), unit("build"), of=state(parent, decommissioned=frozenset({"build"})))
    caller = Caller(uid=500, may_manage=False, may_submit=True, task=parent.id)
    assert isinstance(_refused(at, request("build")), Decommissioned)
    assert isinstance(_refused(at, request(), caller=caller), Decommissioned)
    assert examine(at, Kind.BATCH, ADMIN, [request()], NOW)


def test_too_many_requests_are_refused_before_any_is_looked_at() -> None:
    error = _refused(office(), *[request("nosuch")] * (PLACE.limits.tasks_per_call + 1))
    assert isinstance(error, LimitExceeded)


def test_a_fan_out_of_billions_is_refused_without_building_it() -> None:
    at = office(unit(parameters=tuple(parameter(f"p{number}") for number in range(9))))
    axis = Value("as", [str(value) for value in range(20)])
    asked = Request("job", {}, {f"p{number}": axis for number in range(9)})
    assert isinstance(_refused(at, asked), LimitExceeded)


def test_a_task_that_asks_for_itself_without_end_is_stopped() -> None:
    parent = task("/".join(["job"] * 32))
    caller = Caller(uid=500, may_manage=False, may_submit=True, task=parent.id)
    error = _refused(office(unit(), of=state(parent)), request(), caller=caller)
    assert isinstance(error, LimitExceeded)
    assert "32" in str(error)


def test_a_unit_name_that_systemd_would_refuse_is_an_error_at_once() -> None:
    parent = task("/".join(["x" * 100] * 2))
    caller = Caller(uid=500, may_manage=False, may_submit=True, task=parent.id)
    error = _refused(office(unit("y" * 100), of=state(parent)), request("y" * 100), caller=caller)
    assert isinstance(error, InvalidArgs)


def test_a_fan_out_does_not_multiply_megabytes() -> None:
    at = office(unit(parameters=(parameter("each"), parameter("text"))))
    error = _refused(at, request(each=[str(number) for number in range(1000)], text="x" * 100_000))
    assert isinstance(error, LimitExceeded)
    assert "16 MiB" in str(error)


def test_a_label_shows_a_long_or_unprintable_value_cut() -> None:
    at = office(unit(parameters=(parameter(),)))
    labels = [
        one.label for one in examine(at, Kind.BATCH, ADMIN, [request(target=["/a b", "x" * 5000, "\x1b[2J"])], NOW)
    ]
    assert labels[0] == "job?target=/a b"
    assert all(len(label) < 100 and label.isprintable() for label in labels)


@pytest.mark.parametrize("version", ["20270116.0", f"{TODAY}.1000000"])
def test_a_version_that_would_disturb_the_counting_is_refused(version: str) -> None:
    error = _refused(office(unit()), _args(version=Value("s", version)))
    assert isinstance(error, InvalidArgs)
    assert "'version'" in str(error)
