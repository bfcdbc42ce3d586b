# SPDX-License-Identifier: LGPL-2.1-or-later
"""What travels: our values <-> the lists, dictionaries and Variants of dbus-next. Our keys and signatures are here.

Decoding raises InvalidArgs that names the entry and the key; encoding never fails for a value of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from dbus_next import Variant

from sd_taskpacker.bus.encoding import a_variant
from sd_taskpacker.bus.text import bus_text
from sd_taskpacker.engine.manager import Answer, Figures
from sd_taskpacker.engine.ports import TaskFilter
from sd_taskpacker.errors import InvalidArgs
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.task import Task, TaskState, describe
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

Word = TypeVar("Word", TaskState, Kind)

TASK_SIGNATURES: Final[Mapping[str, str]] = {
    "id": "s",
    "name": "s",
    "version": "s",
    "root": "s",
    "kind": "s",
    "unit": "s",
    "description": "s",
    "state": "s",
    "systemd_unit": "s",
    "directory": "s",
    "argv": "as",
    "parameters": "a{sv}",
    "chunks": "u",
    "memory_max": "t",
    "cpus": "u",
    "priority": "u",
    "uid": "u",
    "submitted": "t",
    "started": "t",
    "promised": "t",
    "expected": "t",
    "deadline": "t",
    "on_deadline": "s",
    "max_running": "u",
    "retries": "u",
    "on_oom": "s",
    "retry_of": "s",
    "tag": "s",
    "result": "s",
    "ended": "t",
    "exit_status": "i",
    "signal": "s",
    "message": "s",
    "cpu_usec": "t",
    "memory_peak": "t",
}
"""The keys of GetTask and ListTasks. Times in usec of CLOCK_REALTIME, memory in bytes but `chunks`. `promised` is
when a task that was queued starts at the latest; `retries` how often it is tried again when it fails."""

_BARE_ENTRY: Final = re.compile(r"(?<!a)\{")
MAX_NESTING: Final = 8
"""Variants within variants, and containers within them; libdbus itself would let 64 through."""


def requests_from(entries: Sequence[Sequence[Any]]) -> list[Request]:
    """`a(sa{sv}a{sv})`: (unit, args, params) each."""
    return [_request(number, *entry) for number, entry in enumerate(entries, 1)]


def _request(number: int, unit: str, args: dict[str, Variant], params: dict[str, Variant]) -> Request:
    try:
        return Request(unit, values_from("args", args), values_from("params", params))
    except InvalidArgs as error:
        raise InvalidArgs(f"request {number} ({excerpt(unit)}), {error.message}") from None


def values_from(part: str, variants: Mapping[str, Variant]) -> dict[str, Value]:
    """`a{sv}`; an error calls it `part`. Where a value stood is put into words only when it was wrong: there may be
    very many."""
    values: dict[str, Value] = {}
    for key, variant in variants.items():
        try:
            values[key] = value_from(variant)
        except InvalidArgs as error:
            raise InvalidArgs(f"{part}, key {excerpt(key)}: {error.message}") from None
    return values


def value_from(variant: Variant) -> Value:
    return Value(variant.signature, _plain(_checked(variant).value, MAX_NESTING))


def _checked(variant: Variant) -> Variant:
    if "h" in variant.signature:
        raise InvalidArgs("a file descriptor is not taken")
    if _BARE_ENTRY.search(variant.signature):  # The bus lets none through, but dbus-next would read it.
        raise InvalidArgs("an entry of a dictionary is no value by itself")
    return variant


def _plain(data: Any, depth: int) -> Any:
    """Bytes become a list of numbers, so that what is kept is plain JSON."""
    if depth == 0:
        raise InvalidArgs(f"values are nested more than {MAX_NESTING} deep")
    match data:
        case Variant():
            return _plain(_checked(data).value, depth - 1)
        case list():
            return [_plain(item, depth - 1) for item in data]
        case dict():
            return {_plain(key, depth - 1): _plain(item, depth - 1) for key, item in data.items()}
        case bytes():
            return list(data)
        case _:
            return data


def variant_of(value: Value) -> Variant:
    """The value as it was submitted. Only the types *inside* a variant inside it are found anew from the data."""
    return a_variant(value.signature, _typed(value.signature, value.data))


def _typed(signature: str, data: Any) -> Any:
    """Plain data as dbus-next wants it for one complete type."""
    if signature == "v":
        inner = _guess(data)
        return a_variant(inner, _typed(inner, data))
    if signature == "ay":
        return bytes(data)
    if signature.startswith("a{"):
        key, item = signature[2], signature[3:-1]
        return {_typed(key, name): _typed(item, each) for name, each in data.items()}
    if signature.startswith("a"):
        return [_typed(signature[1:], each) for each in data]
    if signature.startswith("("):
        return [_typed(*pair) for pair in zip(_members(signature[1:-1]), data, strict=True)]
    return bus_text(data) if signature == "s" else data


def _members(signature: str) -> Iterable[str]:
    """The complete types of a struct."""
    while signature:
        end = _end(signature)
        yield signature[:end]
        signature = signature[end:]


def _end(signature: str) -> int:
    """Where the first complete type ends."""
    if signature[0] == "a":
        return 1 + _end(signature[1:])
    depth = 0
    for position, token in enumerate(signature):
        depth += (token in "({") - (token in ")}")
        if depth == 0:
            return position + 1
    raise ValueError(f"'{signature}' is not a D-Bus signature")


def _guess(data: Any) -> str:
    match data:
        case bool():
            return "b"
        case int():
            return "x" if data < 1 << 63 else "t"
        case float():
            return "d"
        case list():
            return "av"
        case dict():
            return "a{sv}" if all(isinstance(key, str) for key in data) else "a{xv}"
        case _:
            return "s"


def variants_of(params: Iterable[tuple[str, Value]]) -> dict[str, Variant]:
    """`a{sv}`: params as submitted."""
    return {name: variant_of(value) for name, value in params}


def task_to_wire(task: Task) -> dict[str, Variant]:
    """`a{sv}`; what is unknown or does not apply has no key."""
    shown = describe(task) | {"parameters": variants_of(task.params)}
    return {key: task_variant(key, data) for key, data in shown.items()}


def task_variant(key: str, data: Any) -> Variant:
    signature = TASK_SIGNATURES[key]
    return a_variant(signature, data if key == "parameters" else _typed(signature, data))


def answers_to_wire(answers: Iterable[Answer]) -> list[list[list[str]]]:
    """`a(asas)`: (ids started, names rejected) for each request."""
    return [[list(answer.started), list(answer.rejected)] for answer in answers]


def filter_from(wanted: Mapping[str, Variant]) -> TaskFilter:
    """ListTasks' argument: state s or as, root s, kind s, since t (usec), limit u."""
    fields: dict[str, Any] = {}
    for key, variant in wanted.items():
        signatures = _FILTER_SIGNATURES.get(key)
        if signatures is None:
            raise InvalidArgs(f"filter key {excerpt(key)} is unknown", hint=f"use {', '.join(_FILTER_SIGNATURES)}")
        if variant.signature not in signatures:
            wants = " or ".join(signatures)
            given = excerpt(variant.signature)
            raise InvalidArgs(f"filter key '{key}' has D-Bus type {given}", hint=f"it takes {wants}")
        fields |= _filter_field(key, variant.value)
    return TaskFilter(**fields)


_FILTER_SIGNATURES: Final = {"state": ("s", "as"), "root": ("s",), "kind": ("s",), "since": ("t",), "limit": ("u",)}


def _filter_field(key: str, data: Any) -> dict[str, Any]:
    if key == "state":
        names = [data] if isinstance(data, str) else data
        return {"states": frozenset(_word(TaskState, key, name) for name in names)}
    return {key: _word(Kind, key, data) if key == "kind" else data}


def _word(words: type[Word], key: str, text: str) -> Word:
    try:
        return words(text)
    except ValueError:
        raise InvalidArgs(
            f"filter key '{key}': there is no {excerpt(text)}", hint=f"use {', '.join(words)}"
        ) from None


def figures_to_wire(figures: Figures) -> dict[str, Any]:
    """The Manager's properties by name, but for the constant Version."""
    return {
        "MemoryBudget": figures.memory_budget,
        "NotEnforced": list(figures.not_enforced),
        "ChunksTotal": figures.chunks_total,
        "ChunksFree": figures.chunks_free,
        "CPUsTotal": figures.cpus_total,
        "CPUsFree": figures.cpus_free,
        "EstimatedSlotsRemaining": list(figures.slots),
        "NRunning": figures.running,
        "NQueued": figures.queued,
        "Draining": figures.draining,
        "Roots": list(figures.roots),
        "Decommissioned": list(figures.decommissioned),
    }
