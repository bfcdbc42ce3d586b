# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: which verbs there are and what each takes. A mistake ends the program with exit status 2."""

from __future__ import annotations

from argparse import REMAINDER, SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sd_taskpacker import __version__
from sd_taskpacker.cli.text import escape
from sd_taskpacker.model.quantities import parse_size, parse_span

PROGRAM: Final = "taskpackerctl"
DEFAULT_VERB: Final = "status"
_UINT32 = (1 << 32) - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verb:
    operands: str
    summary: str
    configure: Callable[[ArgumentParser], None]


def parse(arguments: Sequence[str]) -> Namespace:
    """Options may stand before the verb, after it, and between its operands, as in systemctl."""
    outer = _outer_parser()
    # Becomes the verb where there is none; argparse would take an optional verb as left out before the first option.
    found = outer.parse_args([*arguments, DEFAULT_VERB])
    del found.rest[-1:]
    verb = VERBS.get(found.verb)
    if verb is None:
        outer.error(f"there is no verb '{found.verb}'; {PROGRAM} --help lists them")
    prog = f"{PROGRAM} {found.verb}"
    usage = f"{prog} [OPTION...] {verb.operands}"
    inner = ArgumentParser(prog=prog, usage=usage, description=verb.summary, allow_abbrev=False)
    broken = next((text for text in found.rest if not _is_utf8(text)), None)
    if broken is not None and found.verb != "verify":
        # A file may be called anything; all the others go into D-Bus strings.
        inner.error(f"'{escape(broken)}' is not valid UTF-8")
    verb.configure(inner)
    _add_common(inner, default=SUPPRESS)
    # Each verb has a parser of its own because argparse cannot mix options and operands below a subparser.
    return inner.parse_intermixed_args(found.rest, found)


def _outer_parser() -> ArgumentParser:
    longest = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{longest}}  {verb.summary}" for name, verb in VERBS.items())
    parser = ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [OPTION...] [VERB ...]",
        description=f"Hand tasks to SD-TaskPacker and look after them. Without a verb: {DEFAULT_VERB}.",
        epilog=f"verbs:\n{verbs}\n\n{PROGRAM} VERB --help shows what a verb takes.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sd-taskpacker {__version__}")
    _add_common(parser, default=None)
    parser.set_defaults(user=False, json="off", no_legend=False, no_pager=True, quiet=False, lines=None)
    parser.add_argument("verb", metavar="VERB", help=SUPPRESS)
    parser.add_argument("rest", nargs=REMAINDER, help=SUPPRESS)
    return parser


def _add_common(parser: ArgumentParser, *, default: str | None) -> None:
    group = parser.add_argument_group("options of every verb")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--system", dest="user", action="store_false", default=default, help="the machine's instance (default)"
    )
    which.add_argument("--user", action="store_true", default=default, help="your own instance")
    group.add_argument("--json", choices=("short", "pretty", "off"), default=default, help="print JSON")
    group.add_argument("--no-legend", action="store_true", default=default, help="no header line")
    group.add_argument("--no-pager", action="store_true", default=default, help="there never is one")
    group.add_argument(
        "-n", dest="lines", type=_checked(_uint32), default=default, metavar="NUMBER", help="at most so many tasks"
    )
    group.add_argument("-q", "--quiet", action="store_true", default=default, help="no talk, only errors")


def _no_arguments(parser: ArgumentParser) -> None:
    """The verb takes nothing but the common options."""


def _submit(parser: ArgumentParser) -> None:
    parser.add_argument("unit", metavar="UNIT", help="name of a batch unit, without .batch")
    _add_request(parser)
    parser.add_argument("--now", action="store_true", help="do not wait for room; as it is without this option, too")
    parser.add_argument("--priority", type=_checked(_uint32), metavar="N", help="higher starts first")
    parser.add_argument("--deadline", type=_checked(_kept(parse_span)), metavar="SPAN", help="from now on, as 10min")


def _start(parser: ArgumentParser) -> None:
    parser.add_argument("unit", metavar="WORKORDER", help="name of a workorder unit, without .workorder")
    _add_request(parser)


def _add_request(parser: ArgumentParser) -> None:
    parser.add_argument(
        "params",
        nargs="*",
        type=_checked(_assignment),
        metavar="NAME=VALUE",
        help="a parameter; one that is given several times makes one task for each of its values",
    )
    parser.add_argument("--size", type=_checked(_kept(parse_size)), help="tiny, small, medium, large, or as 384M")
    parser.add_argument("--cpus", type=_checked(_uint32), metavar="N", help="how many it uses")
    parser.add_argument("--expected", type=_checked(parse_span), metavar="SPAN", help="how long it is likely to run")
    parser.add_argument("--task-version", metavar="VERSION", help="instead of the next YYYYMMDD.N")
    parser.add_argument("--tag", help="a word of your own to know it by")
    parser.add_argument("--arg", action="append", default=[], help="appended to Exec=; may be repeated; --arg=-x")
    parser.add_argument("--wait", action="store_true", help="until it has ended, and exit with its own status")


def _list(parser: ArgumentParser) -> None:
    parser.add_argument("--state", action="append", choices=("running", "complete", "failed"), help="may be repeated")
    parser.add_argument("--root", help="only tasks of this root")
    parser.add_argument("--all", action="store_true", help="those that have ended, too")


def _status(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="one task instead of the whole")


def _verify(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="NAME.batch or NAME.workorder")


def _kill(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("-s", "--signal", default="SIGTERM", help="name or number (default: SIGTERM)")


def _root(parser: ArgumentParser) -> None:
    parser.add_argument("root", metavar="ROOT")


VERBS: Final = {
    "submit": Verb("UNIT [NAME=VALUE...]", "Run a batch task if there is room now", _submit),
    "start": Verb("WORKORDER [NAME=VALUE...]", "Start a workorder, room or not", _start),
    "list": Verb("", "The tasks that run", _list),
    "status": Verb("[ID]", "The service and its budget, or one task", _status),
    "list-units": Verb("", "Unit files, and what is wrong with them", _no_arguments),
    "verify": Verb("FILE...", "Check unit files without the service", _verify),
    "show": Verb("", "The service's properties as Key=value", _no_arguments),
    "kill": Verb("ID", "Send a signal to a running task", _kill),
    "decommission": Verb("ROOT", "Execute nothing further in a root", _root),
    "recommission": Verb("ROOT", "Take a decommission back", _root),
    "reload": Verb("", "Read units, configuration and budget again", _no_arguments),
}


def _checked(parse: Callable[[str], T]) -> Callable[[str], T]:
    """argparse shows the text of an ArgumentTypeError, but not that of a ValueError."""

    def checked(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    return checked


def _kept(check: Callable[[str], Any]) -> Callable[[str], str]:
    """The text itself, once it has passed the check that the service will make too."""

    def kept(text: str) -> str:
        check(text)
        return text

    return kept


def _is_utf8(text: str) -> bool:
    """Python keeps the bytes of the command line that are not UTF-8 as lone surrogates."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _uint32(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _UINT32):
        raise ValueError(f"'{text}' is not a number from 0 to {_UINT32}")
    return int(text)


def _assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise ValueError(f"'{text}' is not a parameter; write NAME=VALUE")
    return name, value
