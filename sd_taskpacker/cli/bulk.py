# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many requests from one file: a line each, or a list in JSON. All of it is read before anything is submitted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sd_taskpacker.cli.calls import Placed
from sd_taskpacker.cli.operands import assignment
from sd_taskpacker.errors import InvalidArgs
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value

_INTEGERS: Final = {"u": (1 << 32) - 1, "t": (1 << 64) - 1}
_ARGS: Final[Mapping[str, Sequence[str]]] = {
    "priority": ("u",),
    "deadline": ("s", "t"),
    "size": ("s",),
    "cpus": ("u",),
    "expected": ("t",),
    "version": ("s",),
    "tag": ("s",),
    "argv": ("as",),
}
"""Key of `args` -> the D-Bus types it may have."""


def read(name: str) -> str:
    """`-` is stdin. Raises InvalidArgs."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else _file(name)
        return raw.decode("utf-8")
    except OSError as error:
        raise InvalidArgs(
            f"{name} cannot be read: {error.strerror or error}", hint="give a file, or - for stdin"
        ) from None
    except UnicodeDecodeError as error:
        line = raw_line(error)
        raise InvalidArgs(f"{name}:{line}: not valid UTF-8", hint="save it as UTF-8") from None


def raw_line(error: UnicodeDecodeError) -> int:
    return error.object.count(b"\n", 0, error.start) + 1


def _file(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def from_lines(text: str, source: str, common: Request) -> list[Placed]:
    """`NAME=VALUE` words on each line, quoted as in Exec=; empty lines and `#` comments are skipped. `common` has
    what holds for all; a line has the last word. Raises InvalidArgs naming the line."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            place = f"{source}:{number}"
            try:
                own = params(assignment(word) for word in split_words(stripped))
            except ValueError as error:
                raise InvalidArgs(f"{place}: {error}", hint=_NOTHING) from None
            found.append(Placed(Request(common.unit, common.args, {**common.params, **own}), place))
    return _not_none(found, source)


def from_json(text: str, source: str, common: Request) -> list[Placed]:
    """`[{"unit": ..., "args": {...}, "params": {...}}, ...]`, each key optional where the command line has a unit.
    Raises InvalidArgs naming the entry, counted from 1."""
    try:
        entries = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        place = f"{source}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else source
        why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise InvalidArgs(f"{place}: not JSON: {why}", hint=_NOTHING) from None
    if not isinstance(entries, list):
        raise InvalidArgs(f'{source}: must be a list such as [{{"unit": "massif", "params": {{}}}}]', hint=_NOTHING)
    found = []
    for number, entry in enumerate(entries, 1):
        place = f"{source}: entry {number}"
        try:
            found.append(Placed(_entry(entry, common), place))
        except ValueError as error:
            raise InvalidArgs(f"{place}: {error}", hint=_NOTHING) from None
    return _not_none(found, source)


_NOTHING: Final = "nothing was submitted; correct it and submit again"


def _not_none(found: list[Placed], source: str) -> list[Placed]:
    if not found:
        raise InvalidArgs(f"{source} asks for nothing", hint="write one task on each line, or entry")
    return found


def _entry(entry: Any, common: Request) -> Request:
    if not isinstance(entry, dict):
        raise ValueError(f"{excerpt(entry)} is not an object with unit, args and params")
    unknown = next((key for key in entry if key not in ("unit", "args", "params")), None)
    if unknown is not None:
        raise ValueError(f"unknown key {excerpt(unknown)}; there are unit, args and params")
    unit = entry.get("unit", common.unit)
    if not isinstance(unit, str) or not unit:
        raise ValueError("has no unit, and the command line has none either")
    args, given = entry.get("args", {}), entry.get("params", {})
    for part, data in (("args", args), ("params", given)):
        if not isinstance(data, dict):
            raise ValueError(f"{part}: {excerpt(data)} is not an object")
    return Request(
        unit,
        {**common.args, **{key: _arg(key, data) for key, data in args.items()}},
        {**common.params, **{key: _param(key, data) for key, data in given.items()}},
    )


def _arg(key: str, data: Any) -> Value:
    signatures = _ARGS.get(key)
    if signatures is None:
        raise ValueError(f"unknown key {excerpt(key)} in args; there are {', '.join(_ARGS)}")
    signature = next((each for each in signatures if _is(each, data)), None)
    if signature is None:
        wanted = " or ".join(_WORDS[each] for each in signatures)
        raise ValueError(f"args key '{key}': {excerpt(data)} is not {wanted}")
    return Value(signature, data)


_WORDS: Final = {"u": "a number from 0 to 4294967295", "t": "a number", "s": "a string", "as": "a list of strings"}


def _is(signature: str, data: Any) -> bool:
    if signature == "s":
        return isinstance(data, str)
    if signature == "as":
        return isinstance(data, list) and all(isinstance(each, str) for each in data)
    return isinstance(data, int) and not isinstance(data, bool) and 0 <= data <= _INTEGERS[signature]


def _param(key: str, data: Any) -> Value:
    """The types stay as they are; the unit's [Parameter] sections say which one is wanted."""
    if isinstance(data, list):
        kinds = {_scalar(key, each) for each in data} or {"s"}
        if len(kinds) > 1:
            raise ValueError(f"params key '{key}': a list has values of one type, and makes one task for each")
        return Value("a" + kinds.pop(), data)
    return Value(_scalar(key, data), data)


def _scalar(key: str, data: Any) -> str:
    match data:
        case bool():
            return "b"
        case str():
            return "s"
        case float():
            return "d"
        case int() if -(1 << 63) <= data < 1 << 63:
            return "x"
        case _:
            raise ValueError(f"params key '{key}': {excerpt(data)} is not a string, a number, true or false")


def params(assignments: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> dict[str, Value]:
    """As text: the unit's [Parameter] sections know their types. One that is given several times is an array."""
    given: dict[str, list[str]] = {}
    for name, text in assignments:
        given.setdefault(name, []).append(text)
    return {name: Value("as", texts) if len(texts) > 1 else Value("s", texts[0]) for name, texts in given.items()}
