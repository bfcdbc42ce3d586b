# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.errors import InvalidParameters
from sd_taskpacker.model.conversion import INT_MAX, INT_MIN
from sd_taskpacker.model.parameters import check, fan_out, fan_out_size
from sd_taskpacker.model.pattern import MAX_MATCHED
from sd_taskpacker.model.unit import Parameter, ParameterType
from sd_taskpacker.model.values import Value

TARGET = Parameter(name="target", type=ParameterType.ENUM, values=("/bin/a", "/bin/b"), description="Program")
COUNT = Parameter(name="count", type=ParameterType.INT, default=3, minimum=1, maximum=8)


def one(type_: str, value: Value, **limits: Any) -> Any:
    return check([Parameter(name="p", type=ParameterType(type_), **limits)], {"p": value})["p"]


def text(value: str) -> Value:
    return Value("s", value)


@pytest.mark.parametrize(
    ("type_", "value", "result"),
    [
        ("string", text(""), ""),
        ("string", text("a b\n"), "a b\n"),
        ("int", Value("i", -5), -5),
        ("int", Value("y", 5), 5),
        ("int", Value("t", INT_MAX), INT_MAX),
        ("int", text("+7"), 7),
        ("int", text(str(INT_MIN)), INT_MIN),
        ("float", Value("d", 0.5), 0.5),
        ("float", Value("u", 2), 2.0),
        ("float", text("-1e-3"), -0.001),
        ("bool", Value("b", False), False),
        *(("bool", text(word), True) for word in ("true", "YES", "on", "1")),
        *(("bool", text(word), False) for word in ("false", "no", "Off", "0")),
        ("path", text("/"), "/"),
        ("path", text("/srv/a b"), "/srv/a b"),
    ],
)
def test_a_value_is_taken_as_its_type(type_: str, value: Value, result: object) -> None:
    taken = one(type_, value)
    assert taken == result
    assert type(taken) is type(result)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("string", Value("i", 1)),
        ("string", text("a\0b")),
        ("string", text("\ud800")),
        ("string", text("x" * (128 << 10))),
        ("int", Value("b", True)),
        ("int", Value("d", 1.0)),
        ("int", Value("t", INT_MAX + 1)),
        ("int", text("9223372036854775808")),
        ("int", text("1_000")),
        ("int", text(" 1")),
        ("int", text("٣")),
        ("int", text("9" * 5000)),
        ("float", Value("d", float("nan"))),
        ("float", Value("d", float("inf"))),
        ("float", text("1e999")),
        ("float", text("nan")),
        ("float", Value("b", True)),
        ("bool", Value("i", 1)),
        ("bool", text("maybe")),
        ("path", text("relative")),
        ("path", text("/a/../b")),
        ("path", text("/a//b")),
        ("path", text("//a")),
        ("path", text("/a/")),
        ("path", text("/a/./b")),
        ("path", text("/a\0")),
        ("path", text("")),
        ("string", Value("as", ["a"])),
    ],
)
def test_a_value_that_does_not_fit_is_refused(type_: str, value: Value) -> None:
    with pytest.raises(InvalidParameters) as caught:
        one(type_, value)
    assert caught.value.message.startswith("p: ")
    assert len(caught.value.message) < 250


@pytest.mark.parametrize("value", [0, 9])
def test_bounds_are_part_of_the_message(value: int) -> None:
    with pytest.raises(InvalidParameters, match="count: wants a whole number from 1 to 8, got"):
        check([COUNT], {"count": Value("i", value)})


def test_a_pattern_matches_the_whole_value() -> None:
    assert one("string", text("abc"), pattern="[a-z]+") == "abc"
    with pytest.raises(InvalidParameters, match="matches"):
        one("string", text("abc\n"), pattern="[a-z]+")


def test_a_pattern_is_not_tried_on_a_long_text() -> None:
    assert one("string", text("a" * MAX_MATCHED), pattern="a*")
    with pytest.raises(InvalidParameters, match="because it has a pattern"):
        one("string", text("a" * (MAX_MATCHED + 1)), pattern="a*")


def test_defaults_are_filled_in_order_of_declaration() -> None:
    values = check([TARGET, COUNT], {"target": text("/bin/b")})
    assert list(values.items()) == [("target", "/bin/b"), ("count", 3)]


def test_every_problem_comes_in_one_message() -> None:
    with pytest.raises(InvalidParameters) as caught:
        check([TARGET, COUNT], {"count": text("many"), "cuont": text("1"), "zebra": text("x")})
    assert caught.value.message == (
        "target: is required (Program); give one of /bin/a, /bin/b; "
        "count: wants a whole number from 1 to 8, got 'many'; "
        "'cuont' is not a parameter of this unit; did you mean count? Known: target, count; "
        "'zebra' is not a parameter of this unit; known: target, count"
    )


def test_a_hostile_submission_makes_a_small_message() -> None:
    submitted = {"x" * 10_000 + str(n): text("y" * 10_000) for n in range(1_000)}
    with pytest.raises(InvalidParameters, match="and 980 more") as caught:
        check([], submitted)
    assert len(caught.value.message) < 4_000


def test_control_characters_are_not_echoed() -> None:
    with pytest.raises(InvalidParameters) as caught:
        check([COUNT], {"count": text("\x1b[2J"), "\x1b]0;": text("")})
    assert "\x1b" not in caught.value.message


def test_without_arrays_there_is_one_instance() -> None:
    submitted = {"target": text("/bin/a")}
    assert fan_out_size([TARGET], submitted) == 1
    assert list(fan_out([TARGET], submitted)) == [submitted]


def test_arrays_make_their_product_in_order_of_submission() -> None:
    submitted = {"count": Value("au", [1, 2]), "target": Value("as", ["/bin/a", "/bin/b"])}
    assert fan_out_size([TARGET, COUNT], submitted) == 4
    assert [(one["count"].data, one["target"].data) for one in fan_out([TARGET, COUNT], submitted)] == [
        (1, "/bin/a"),
        (1, "/bin/b"),
        (2, "/bin/a"),
        (2, "/bin/b"),
    ]
    assert next(fan_out([COUNT], {"count": submitted["count"]}))["count"] == Value("u", 1)


def test_elements_of_variants_get_the_type_that_their_value_has() -> None:
    number = Parameter(name="n", type=ParameterType.FLOAT)
    taken = fan_out([number], {"n": Value("av", ["1", -1, 1 << 63, 0.5])})
    assert [one["n"].signature for one in taken] == ["s", "x", "t", "d"]
    with pytest.raises(InvalidParameters) as caught:
        fan_out([number], {"n": Value("av", [True, [1]])})
    assert caught.value.message == (
        "n: element 1 of 2 in the array of D-Bus type 'av': wants a finite number, got True of D-Bus type 'b'; "
        "n: element 2 of 2 in the array of D-Bus type 'av': wants a finite number, got [1] of D-Bus type 'v'"
    )


def test_an_array_of_bytes_fans_out_to_numbers() -> None:
    assert [one["count"] for one in fan_out([COUNT], {"count": Value("ay", b"\x01\x02")})] == [
        Value("y", 1),
        Value("y", 2),
    ]


def test_an_empty_array_is_a_mistake() -> None:
    submitted = {"count": Value("ai", []), "target": text("/bin/a")}
    assert fan_out_size([TARGET, COUNT], submitted) == 0
    with pytest.raises(InvalidParameters, match="count: the array is empty"):
        fan_out([TARGET, COUNT], submitted)


def test_the_size_is_known_without_building_the_product() -> None:
    parameters = [Parameter(name=f"p{n}", type=ParameterType.INT) for n in range(6)]
    assert fan_out_size(parameters, {one.name: Value("ai", list(range(1_000))) for one in parameters}) == 10**18


def test_dictionaries_and_unknown_keys_do_not_fan_out() -> None:
    submitted = {"count": Value("a{sv}", {}), "other": Value("as", [])}
    assert list(fan_out([COUNT], submitted)) == [submitted]


def test_unknown_keys_are_refused_before_anything_is_copied_for_an_instance() -> None:
    submitted = {"count": Value("ay", bytes(10_000)), **{f"k{n}": text("") for n in range(40_000)}}
    began = time.process_time()
    with pytest.raises(InvalidParameters, match="'k0' is not a parameter.*and 39980 more"):
        fan_out([COUNT], submitted)
    assert time.process_time() - began < 1


def test_instances_are_made_one_by_one() -> None:
    instances = fan_out([COUNT], {"count": Value("ay", b"\x01\x02")})
    assert next(instances) == {"count": Value("y", 1)}
    assert next(instances) == {"count": Value("y", 2)}
    with pytest.raises(StopIteration):
        next(instances)


def test_an_element_that_does_not_fit_is_named_with_the_type_of_its_array() -> None:
    with pytest.raises(InvalidParameters) as caught:
        fan_out([COUNT], {"count": Value("as", ["1", "many", "3"])})
    assert caught.value.message == (
        "count: element 2 of 3 in the array of D-Bus type 'as': wants a whole number from 1 to 8, got 'many'"
    )


NUMBERS = [Parameter(name=name, type=ParameterType.INT) for name in ("target", "count")]


@given(st.dictionaries(st.sampled_from(["target", "count"]), st.lists(st.integers(0, 9), min_size=1, max_size=4)))
def test_the_size_is_the_number_of_instances(arrays: dict[str, list[int]]) -> None:
    submitted = {key: Value("ai", data) for key, data in arrays.items()}
    instances = list(fan_out(NUMBERS, submitted))
    assert len(instances) == fan_out_size(NUMBERS, submitted)
    assert all(list(one) == list(submitted) for one in instances)


SECRET = Parameter(name="token", secret=True, pattern="[a-z]+", description="Key of the server")


@pytest.mark.parametrize("given", [text("HUSH-1"), Value("i", 4711), Value("ay", [1, 2])])
def test_an_error_about_a_secret_says_what_is_wanted_and_not_what_was_given(given: Value) -> None:
    with pytest.raises(InvalidParameters, match=r"token: wants a string that matches '\[a-z\]\+'") as told:
        check([SECRET], {"token": given})
    assert not any(word in str(told.value) for word in ("HUSH", "4711", "1, 2"))


def test_a_secret_never_fans_out_since_each_instance_is_named_by_its_value() -> None:
    with pytest.raises(InvalidParameters, match="token: is secret, and takes one value") as told:
        fan_out([SECRET], {"token": Value("as", ["hush", "quiet"])})
    assert "hush" not in str(told.value)
