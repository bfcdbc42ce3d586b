# SPDX-License-Identifier: LGPL-2.1-or-later
"""Submitted parameters against a unit's `[Parameter]` sections: complete typed values, or every problem at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.errors import InvalidParameters
from sd_taskpacker.model.conversion import INT_MAX, INT_MIN, convert, wanted
from sd_taskpacker.model.excerpt import excerpt, listing
from sd_taskpacker.model.suggestion import nearest
from sd_taskpacker.model.unit import Parameter
from sd_taskpacker.model.values import Value

MAX_SHOWN_PROBLEMS: Final = 20
"""A request may hold thousands of wrong keys; the message stays readable and small."""


def check(parameters: Sequence[Parameter], submitted: Mapping[str, Value]) -> dict[str, Any]:
    """Every parameter's value, defaults filled in, in the order of declaration.

    Raises one InvalidParameters that names each wrong, missing or unknown key.
    """
    values, problems = dict[str, Any](), list[str]()
    for parameter in parameters:
        try:
            values[parameter.name] = _value(parameter, submitted.get(parameter.name))
        except ValueError as e:
            problems.append(f"{parameter.name}: {e}")
    _raise_any(problems, _unknown(parameters, submitted), parameters)
    return values


def fan_out_size(parameters: Sequence[Parameter], submitted: Mapping[str, Value]) -> int:
    """How many instances `fan_out` would build, so that a caller can refuse before building them; 0 when an array
    is empty."""
    return math.prod(len(array) for array in _arrays(parameters, submitted).values())


def fan_out(parameters: Sequence[Parameter], submitted: Mapping[str, Value]) -> Iterator[Mapping[str, Value]]:
    """One set of scalar values per instance: the cartesian product of all array values, the last key varying fastest.

    Without an array the answer is the submission itself. There are `fan_out_size` of them: ask for that first. Raises
    InvalidParameters at once, before there is any instance, for an unknown key, an element that does not fit, and an
    empty array, which asks for nothing and is always a mistake.
    """
    arrays = _arrays(parameters, submitted)
    if not arrays:
        return iter([submitted])
    # Every instance is a copy of the whole submission, so what does not belong there is found first.
    _raise_any([], _unknown(parameters, submitted), parameters)
    if empty := [key for key, array in arrays.items() if not array]:
        raise InvalidParameters(
            _joined([f"{key}: the array is empty, so there is nothing to run" for key in empty]),
            hint="leave the parameter out to use its default",
        )
    by_name = {parameter.name: parameter for parameter in parameters}
    if secret := [key for key in arrays if by_name[key].secret]:
        raise InvalidParameters(
            _joined([f"{key}: is secret, and takes one value" for key in secret]),
            hint="make a request for each value",
        )
    elements = {key: _elements(submitted[key]) for key in arrays}
    _raise_any([one for key in arrays for one in _misfits(by_name[key], submitted[key], elements[key])], [], ())
    return (
        {**submitted, **dict(zip(arrays, combination, strict=True))}
        for combination in itertools.product(*elements.values())
    )


def _misfits(parameter: Parameter, array: Value, elements: Sequence[Value]) -> Iterator[str]:
    """An instance does not know any more what it was made of."""
    for number, element in enumerate(elements, 1):
        try:
            convert(parameter, element)
        except ValueError as e:
            where = f"element {number} of {len(elements)} in the array of D-Bus type '{array.signature[:20]}'"
            yield f"{parameter.name}: {where}: {e}"


def _value(parameter: Parameter, value: Value | None) -> str | int | float | bool:
    if value is not None:
        return _secret(parameter, value) if parameter.secret else convert(parameter, value)
    if parameter.default is None:
        about = f" ({excerpt(parameter.description)[1:-1]})" if parameter.description else ""
        raise ValueError(f"is required{about}; give {wanted(parameter)}")
    return parameter.default


def _secret(parameter: Parameter, value: Value) -> str | int | float | bool:
    """Like `convert`, whose errors show what was given."""
    try:
        return convert(parameter, value)
    except ValueError:
        raise ValueError(f"wants {wanted(parameter)}; what was given is secret, and not shown") from None


def _unknown(parameters: Sequence[Parameter], submitted: Mapping[str, Value]) -> list[str]:
    known = {parameter.name for parameter in parameters}
    return [key for key in submitted if key not in known]


def _raise_any(problems: Sequence[str], unknown: Sequence[str], parameters: Sequence[Parameter]) -> None:
    """Raises InvalidParameters, if there is reason to. Only for the keys that are shown is a similar name sought,
    which takes its time."""
    known = [parameter.name for parameter in parameters]
    shown = [*problems, *(_not_a_parameter(key, known) for key in unknown[:MAX_SHOWN_PROBLEMS])]
    if shown:
        raise InvalidParameters(_joined(shown, of=len(problems) + len(unknown)))


def _not_a_parameter(key: str, known: Sequence[str]) -> str:
    near = nearest(key, known)
    if near:
        return f"{excerpt(key)} is not a parameter of this unit; did you mean {near}? Known: {listing(known)}"
    return f"{excerpt(key)} is not a parameter of this unit; known: {listing(known)}"


def _joined(problems: Sequence[str], of: int | None = None) -> str:
    """`of`: how many there are, with those that have no words."""
    shown = problems[:MAX_SHOWN_PROBLEMS]
    rest = (len(problems) if of is None else of) - len(shown)
    text = "; ".join(shown)
    return f"{text}; and {rest} more" if rest > 0 else text


def _arrays(parameters: Sequence[Parameter], submitted: Mapping[str, Value]) -> dict[str, Sequence[Any]]:
    """The array values, in order of submission. What is not declared is left for `check` to name."""
    known = {parameter.name for parameter in parameters}
    return {key: value.data for key, value in submitted.items() if key in known and _is_array(value)}


def _is_array(value: Value) -> bool:
    """A dictionary (`a{sv}`) is one value, not several."""
    return value.signature.startswith("a") and not value.signature.startswith("a{")


def _elements(array: Value) -> list[Value]:
    signature = array.signature[1:]
    return [Value(_deduced(data) if signature == "v" else signature, data) for data in array.data]


def _deduced(data: object) -> str:
    """The D-Bus type behind a variant that was already unwrapped to its plain value."""
    match data:
        case bool():
            return "b"
        case int():
            return "x" if INT_MIN <= data <= INT_MAX else "t"
        case float():
            return "d"
        case str():
            return "s"
        case _:
            return "v"
