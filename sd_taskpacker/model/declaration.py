# SPDX-License-Identifier: LGPL-2.1-or-later
"""One `[Parameter]` section -> a Parameter, once its keys are known to be well-formed each for itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sd_taskpacker.model.conversion import convert
from sd_taskpacker.model.sections import ParameterSection
from sd_taskpacker.model.unit import Parameter, ParameterType
from sd_taskpacker.model.values import Value

_NUMBERS = (ParameterType.INT, ParameterType.FLOAT)
_TEXTS = (ParameterType.STRING, ParameterType.PATH)

Misfit = tuple[str, str]
"""(key, what is wrong with it)."""


def declare(section: ParameterSection) -> tuple[Parameter | None, tuple[Misfit, ...]]:
    """The parameter, or every key that does not go with the others."""
    misfits = list(_misplaced(section))
    if misfits:
        return None, tuple(misfits)
    minimum, maximum = _bound(section, "Minimum", misfits), _bound(section, "Maximum", misfits)
    if minimum is not None and maximum is not None and minimum > maximum:
        misfits.append(("Minimum", f"{minimum} is above Maximum={maximum}; no value would fit"))
    if misfits:
        return None, tuple(misfits)
    bounded = Parameter(
        name=section.name,
        type=section.type,
        values=section.values,
        minimum=minimum,
        maximum=maximum,
        pattern=section.pattern,
        description=section.description,
        secret=section.secret,
    )
    return _with_default(bounded, section)


def _misplaced(section: ParameterSection) -> Iterator[Misfit]:
    kind = section.type
    if kind is ParameterType.ENUM and not section.values:
        yield "Values", f"is required for Type=enum; list what {section.name} may be"
    if kind is not ParameterType.ENUM and section.values:
        yield "Values", f"goes with Type=enum only, and {section.name} has Type={kind}"
    if len(set(section.values)) < len(section.values):
        yield "Values", "holds the same value twice"
    if kind not in _TEXTS and section.pattern is not None:
        yield "Pattern", f"goes with Type=string and Type=path only, and {section.name} has Type={kind}"
    if section.secret and kind is not ParameterType.STRING:
        yield "Secret", f"goes with Type=string only, and {section.name} has Type={kind}"
    if section.secret and section.default:
        yield (
            "Default",
            f'would be no secret in this file; leave it out, or write Default="" if {section.name} may lack',
        )
    for key, text in (("Minimum", section.minimum), ("Maximum", section.maximum)):
        if kind not in _NUMBERS and text is not None:
            yield key, f"goes with Type=int and Type=float only, and {section.name} has Type={kind}"


def _bound(section: ParameterSection, key: str, misfits: list[Misfit]) -> int | float | None:
    """A bound is a number of the parameter's own type."""
    text = section.minimum if key == "Minimum" else section.maximum
    if text is None:
        return None
    try:
        number = convert(Parameter(name=section.name, type=section.type), Value("s", text))
    except ValueError as e:
        misfits.append((key, str(e)))
        return None
    return number if not isinstance(number, str) else None


def _with_default(parameter: Parameter, section: ParameterSection) -> tuple[Parameter | None, tuple[Misfit, ...]]:
    """The default has to be a value that a request could give."""
    if section.default is None:
        return parameter, ()
    try:
        default = convert(parameter, Value("s", section.default))
    except ValueError as e:
        return None, (("Default", str(e)),)
    return dataclasses.replace(parameter, default=default), ()
