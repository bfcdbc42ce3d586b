# SPDX-License-Identifier: LGPL-2.1-or-later
"""A `[Parameter]` section and, behind a line of three dashes, values for it: one line each, `SIGNATURE TEXT`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from sd_taskpacker.errors import InvalidParameters
from sd_taskpacker.host.commands import quoted
from sd_taskpacker.model.command import render, spell
from sd_taskpacker.model.conversion import convert, wanted
from sd_taskpacker.model.parameters import check, fan_out, fan_out_size
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.settings import Source, load_unit
from sd_taskpacker.model.unit import Kind, TaskUnit
from sd_taskpacker.model.values import INT_SIGNATURES, Value
from tests.fuzz.readable import check_readable

VALUES: Final = "\n---\n"
UNIT: Final = """\
[Batch]
Exec=/bin/x ${p} "a ${p} b" '$${p}' ${p}${q} c
[Parameter]
Name=q
Default="two words"
[Parameter]
Name=p
"""
SIGNATURES: Final = frozenset([*"sogbydnqiuxtv", "as", "ab", "ai", "ad", "at", "av", "aas"])
MOST_INSTANCES: Final = 50
MOST_WORDS: Final = 10_000
"""Characters of an error, of which 20 problems may be part."""


def target(data: bytes) -> None:
    declared, _, given = data.decode("utf-8", "replace").partition(VALUES)
    unit, _ = load_unit(Kind.BATCH, "t", [Source("t.batch", UNIT + declared)])
    if unit is None:
        return
    for parameter in unit.parameters:
        assert wanted(parameter)
        if parameter.default is not None:
            assert convert(parameter, Value("s", spell(parameter.default))) == parameter.default
    for line in given.split("\n"):
        signature, _, text = line.partition(" ")
        if signature in SIGNATURES:
            _submit(unit, {"p": Value(signature, _data(signature, text))})


def _data(signature: str, text: str) -> Any:
    """What a D-Bus library would make of such a value; where there is nothing, the text itself."""
    if signature.startswith("a"):
        return [_data(signature[1:], each) for each in text.split(",")] if text else []
    with suppress(ValueError):
        if signature in INT_SIGNATURES:
            return int(text)
        if signature == "d":
            return float(text)
    return text == "1" if signature == "b" else text


def _submit(unit: TaskUnit, submitted: Mapping[str, Value]) -> None:
    try:
        number = fan_out_size(unit.parameters, submitted)
        instances = list(fan_out(unit.parameters, submitted)) if number <= MOST_INSTANCES else []
        assert len(instances) in (0, number)
        for instance in instances:
            _check(unit, instance, check(unit.parameters, instance))
    except InvalidParameters as error:
        check_readable(error.bus_text(), MOST_WORDS)


def _check(unit: TaskUnit, instance: Mapping[str, Value], values: dict[str, Any]) -> None:
    assert list(values) == [parameter.name for parameter in unit.parameters]
    assert json.loads(json.dumps(values)) == values
    by_name = {parameter.name: parameter for parameter in unit.parameters}
    for name, value in values.items():
        assert convert(by_name[name], Value("s", spell(value))) == value
    if len(unit.exec) != 6 or {"p", "q"} - values.keys():
        return  # The text declared a command of its own.
    argv = render(unit.exec, values)
    p, q = spell(values["p"]), spell(values["q"])
    assert argv == ("/bin/x", p, f"a {p} b", "${p}", p + q, "c")
    assert not any("\0" in word for word in argv)
    # As systemd reads it from a file: `%` is doubled for it, and no word comes apart.
    line = quoted(argv)
    assert "\n" not in line
    assert split_words(line.replace("%%", "%")) == argv
