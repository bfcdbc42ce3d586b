# SPDX-License-Identifier: LGPL-2.1-or-later
"""One submitted value against one parameter: what each `Type=` of `[Parameter]` takes.

Values come typed from D-Bus, or as strings from a command line; both spell the same thing. A bool is never an int.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Final

from sd_taskpacker.model.command import MAX_ARGUMENT
from sd_taskpacker.model.excerpt import excerpt, listing
from sd_taskpacker.model.pattern import MAX_MATCHED
from sd_taskpacker.model.unit import Parameter, ParameterType
from sd_taskpacker.model.values import INT_SIGNATURES, Value

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1

_INT = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_BOOLS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def convert(parameter: Parameter, value: Value) -> str | int | float | bool:
    """The value as the task sees it. Raises ValueError: what the parameter wants and what was given."""
    convertible = _CONVERTERS[parameter.type](parameter, value)
    if convertible is None:
        raise ValueError(f"wants {wanted(parameter)}, got {given(value)}")
    return convertible


def given(value: Value) -> str:
    """A value for a message, with its type when that is what is wrong with it."""
    if value.signature == "s":
        return excerpt(value.data)
    return f"{excerpt(value.data)} of D-Bus type '{value.signature[:20]}'"


def wanted(parameter: Parameter) -> str:
    """`a whole number from 1 to 8`: also for people who read the list of parameters."""
    match parameter.type:
        case ParameterType.ENUM:
            return f"one of {listing(parameter.values)}"
        case ParameterType.INT:
            return "a whole number" + _range(parameter)
        case ParameterType.FLOAT:
            return "a finite number" + _range(parameter)
        case ParameterType.BOOL:
            return "true or false"
        case ParameterType.PATH:
            return "an absolute path without //, . and .. and no / at its end" + _pattern(parameter)
        case ParameterType.STRING:
            return "a string" + _pattern(parameter)


def _range(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return "" if high is None else f" of at most {high}"


def _pattern(parameter: Parameter) -> str:
    return "" if parameter.pattern is None else f" that matches {excerpt(parameter.pattern)}"


def _to_string(parameter: Parameter, value: Value) -> str | None:
    return value.data if _is_text(value) and _matches(parameter, value.data) else None


def _is_text(value: Value) -> bool:
    """Raises ValueError for a string that no argument can hold."""
    if value.signature not in ("s", "o", "g") or not isinstance(value.data, str):
        return False
    if "\0" in value.data:
        raise ValueError(f"must not hold a NUL character, got {excerpt(value.data)}")
    try:
        size = len(value.data.encode("utf-8"))
    except UnicodeEncodeError:
        raise ValueError(f"must be valid UTF-8, got {excerpt(value.data)}") from None
    if size > MAX_ARGUMENT:
        raise ValueError(f"may have {MAX_ARGUMENT} bytes, got {size}; pass long data in a file")
    return True


def _matches(parameter: Parameter, text: str) -> bool:
    if parameter.pattern is None:
        return True
    if len(text) > MAX_MATCHED:
        raise ValueError(f"may have {MAX_MATCHED} characters because it has a pattern, got {len(text)}")
    return re.fullmatch(parameter.pattern, text) is not None


def _to_int(parameter: Parameter, value: Value) -> int | None:
    number = _integer(value)
    if number is None or not INT_MIN <= number <= INT_MAX:
        return None
    return number if _in_range(parameter, number) else None


def _integer(value: Value) -> int | None:
    if value.signature == "s" and isinstance(value.data, str):
        return int(value.data) if _INT.fullmatch(value.data) else None
    plain = isinstance(value.data, int) and not isinstance(value.data, bool)
    return value.data if plain and value.signature in INT_SIGNATURES else None


def _to_float(parameter: Parameter, value: Value) -> float | None:
    number: float | None = None
    if value.signature == "d" and isinstance(value.data, int | float):
        number = float(value.data)
    elif value.signature == "s" and isinstance(value.data, str):
        number = float(value.data) if _FLOAT.fullmatch(value.data) else None
    elif (whole := _integer(value)) is not None:
        number = float(whole)
    return number if number is not None and math.isfinite(number) and _in_range(parameter, number) else None


def _in_range(parameter: Parameter, number: int | float) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return (low is None or number >= low) and (high is None or number <= high)


def _to_bool(parameter: Parameter, value: Value) -> bool | None:
    if value.signature == "b" and isinstance(value.data, bool):
        return value.data
    if value.signature == "s" and isinstance(value.data, str):
        return _BOOLS.get(value.data.lower())
    return None


def _to_enum(parameter: Parameter, value: Value) -> str | None:
    return value.data if value.signature == "s" and value.data in parameter.values else None


def _to_path(parameter: Parameter, value: Value) -> str | None:
    path = value.data if _is_text(value) else ""
    if path.startswith("/") and (normal := "/" + posixpath.normpath(path).lstrip("/")) != path:
        if ".." in path.split("/"):
            raise ValueError(f"must not hold .., got {excerpt(path)}")
        raise ValueError(f"must be normalized: write {excerpt(normal)} instead of {excerpt(path)}")
    return path if path.startswith("/") and _matches(parameter, path) else None


_CONVERTERS: Final[Mapping[ParameterType, Callable[[Parameter, Value], str | int | float | bool | None]]] = {
    ParameterType.STRING: _to_string,
    ParameterType.INT: _to_int,
    ParameterType.FLOAT: _to_float,
    ParameterType.BOOL: _to_bool,
    ParameterType.ENUM: _to_enum,
    ParameterType.PATH: _to_path,
}
