# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of a command line so far -> what may stand where the cursor is. Read off the parsers in `arguments`, so
that a new verb or option is completed without being told here; only what is asked of the service has a name here."""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from signal import Signals
from typing import Final

from sd_taskpacker.cli.arguments import VERBS, outer_parser, verb_parser
from sd_taskpacker.cli.states import ENDED, OPEN
from sd_taskpacker.model.quantities import SIZES


class Live(StrEnum):
    """What only the service knows, or the file system."""

    UNITS = "units"
    BATCHES = "batches"
    WORKORDERS = "workorders"
    TASKS = "tasks"
    NAMES = "names"
    ROOTS = "roots"
    DECOMMISSIONED = "decommissioned"
    PARAMETERS = "parameters"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Candidate:
    """`text` is the whole word as it would be typed without a shell; one that ends in = is not complete yet."""

    text: str
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`current` is the word as far as it is typed. What is live begins after `prefix` in it."""

    current: str
    fixed: tuple[Candidate, ...] = ()
    live: Live | None = None
    prefix: str = ""
    states: tuple[str, ...] = ()
    """Of tasks; none means all."""
    unit: str = ""
    """Whose parameters."""
    workorder: bool = False
    user: bool = False


_WAITING: Final = ("waiting",)
_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "cancel": _WAITING,
    "set-property": _WAITING,
    "why": _WAITING,
    "kill": ("running",),
    "wait": OPEN,
    "retry": ENDED,
}
_OPERANDS: Final[Mapping[str, Live]] = {
    "UNIT": Live.UNITS,
    "WORKORDER": Live.WORKORDERS,
    "ID": Live.TASKS,
    "NAME": Live.NAMES,
    "ROOT": Live.ROOTS,
    "FILE": Live.FILES,
}
"""By what an operand is called in the help. An option's value is looked up here too."""

PROPERTIES: Final = ("priority=", "deadline=", "size=")
"""What set-property takes; the operand has the name of a unit's parameters."""


def wanted(words: Sequence[str]) -> Wanted:
    """`words` begins after the program's name and ends with the word that the cursor is in, maybe an empty one."""
    *before, current = words or [""]
    line = _Line()
    for word in before:
        line.take(word)
    return line.wanted(current)


class _Line:
    """What the words before the cursor have said."""

    def __init__(self) -> None:
        self._verb = ""
        self._parser = outer_parser()
        self._operands: list[str] = []
        self._valued: Action | None = None
        """The option whose value comes next."""
        self._only_operands = False
        self._user = False

    def take(self, word: str) -> None:
        if self._valued is not None:
            self._valued = None
        elif word == "--" and not self._only_operands:
            self._only_operands = True
        elif word.startswith("-") and not self._only_operands:
            self._user = (self._user or word == "--user") and word != "--system"
            option = _option(self._parser, word)
            self._valued = option if option is not None and option.nargs is None else None
        elif self._verb:
            self._operands.append(word)
        else:
            self._verb = word
            self._parser = verb_parser(word) if word in VERBS else ArgumentParser(add_help=False)

    def wanted(self, current: str) -> Wanted:
        if self._valued is not None:
            return self._value(self._valued, current, "")
        if current.startswith("-") and not self._only_operands:
            name, separator, _ = current.partition("=")
            option = _option(self._parser, name)
            if separator and option is not None and option.nargs != 0:
                return self._value(option, current, name + "=")
            return self._fixed(current, _options(self._parser))
        if not self._verb:
            return self._fixed(current, [Candidate(name, verb.summary) for name, verb in VERBS.items()])
        return self._operand(current)

    def _fixed(self, current: str, candidates: Sequence[Candidate]) -> Wanted:
        found = tuple(each for each in candidates if each.text.startswith(current))
        return Wanted(current=current, fixed=found, user=self._user)

    def _value(self, option: Action, current: str, prefix: str) -> Wanted:
        if option.choices is not None:
            return self._fixed(current, [Candidate(f"{prefix}{each}") for each in option.choices])
        match option.dest:
            case "size":
                return self._fixed(current, [Candidate(prefix + size) for size in SIZES])
            case "signal":
                return self._fixed(current, [Candidate(prefix + each.name) for each in Signals])
            case "root":
                return Wanted(current=current, live=Live.ROOTS, prefix=prefix, user=self._user)
            case _:
                live = _OPERANDS.get(_metavar(option))
                return Wanted(current=current, live=live, prefix=prefix, user=self._user)

    def _operand(self, current: str) -> Wanted:
        operand = _operand_at(self._parser, len(self._operands))
        if operand is None:
            return Wanted(current=current)
        if operand.choices is not None:
            return self._fixed(current, [Candidate(str(each)) for each in operand.choices])
        name = _metavar(operand)
        if name == "NAME=VALUE":
            return self._parameter(current)
        live = _OPERANDS.get(name)
        if live is Live.UNITS and self._verb == "submit":
            live = Live.BATCHES
        if live is Live.ROOTS and self._verb == "recommission":
            live = Live.DECOMMISSIONED
        return Wanted(current=current, live=live, states=_STATES.get(self._verb, ()), user=self._user)

    def _parameter(self, current: str) -> Wanted:
        if self._verb == "set-property":
            sizes = [f"size={size}" for size in SIZES] if current.startswith("size=") else []
            return self._fixed(current, [Candidate(each) for each in sizes or PROPERTIES])
        return Wanted(
            current=current,
            live=Live.PARAMETERS,
            unit=self._operands[0],
            workorder=self._verb == "start",
            user=self._user,
        )


def _options(parser: ArgumentParser) -> list[Candidate]:
    """The long ones, and the short ones that have no other name."""
    found = []
    for action in parser._actions:
        if action.help != SUPPRESS:
            found += [Candidate(name, action.help or "") for name in action.option_strings if name.startswith("--")][
                :1
            ] or [Candidate(name, action.help or "") for name in action.option_strings]
    return found


def _option(parser: ArgumentParser, name: str) -> Action | None:
    return parser._option_string_actions.get(name)


def _operand_at(parser: ArgumentParser, index: int) -> Action | None:
    """The operand that comes after `index` others. One that may be left out is taken as given."""
    return next((each for number, each in _operands(parser) if number is None or number == index), None)


def _operands(parser: ArgumentParser) -> Iterator[tuple[int | None, Action]]:
    """None instead of the place: it takes all that are left."""
    positional = [action for action in parser._actions if not action.option_strings]
    for index, action in enumerate(positional):
        yield (None if action.nargs in ("*", "+") else index), action


def _metavar(action: Action) -> str:
    return str(action.metavar or "")
