# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: which verbs there are and what each takes. A mistake ends the program with exit status 2."""

from __future__ import annotations

from argparse import REMAINDER, SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sd_taskpacker import __version__
from sd_taskpacker.cli import asking
from sd_taskpacker.cli.documents import documented
from sd_taskpacker.cli.operands import assignment, checked, is_utf8, kept, scheduling, uint32
from sd_taskpacker.cli.states import STATES
from sd_taskpacker.cli.text import escape
from sd_taskpacker.model.quantities import parse_size, parse_span

PROGRAM: Final = "taskpackerctl"
DEFAULT_VERB: Final = "status"


@dataclass(frozen=True, slots=True)
class Verb:
    operands: str
    summary: str
    configure: Callable[[ArgumentParser], None]


def parse(arguments: Sequence[str]) -> Namespace:
    """Options may stand before the verb, after it, and between its operands, as in systemctl."""
    outer = outer_parser()
    # Becomes the verb where there is none; argparse would take an optional verb as left out before the first option.
    found = outer.parse_args([*arguments, DEFAULT_VERB])
    del found.rest[-1:]
    if found.verb not in VERBS:
        outer.error(f"there is no verb '{found.verb}'; {PROGRAM} --help lists them")
    inner = verb_parser(found.verb)
    broken = next((text for text in found.rest if not is_utf8(text)), None)
    if broken is not None and found.verb != "verify":
        # A file may be called anything; all the others go into D-Bus strings.
        inner.error(f"'{escape(broken)}' is not valid UTF-8")
    # Each verb has a parser of its own because argparse cannot mix options and operands below a subparser.
    options = inner.parse_intermixed_args(_joined(found.rest), found)
    if found.verb == "submit" and options.unit is None and options.from_json is None:
        inner.error("a UNIT is missing; taskpackerctl list-units shows those there are")
    if options.json != "off" and found.verb == "logs" and options.follow:
        inner.error("argument --json: not allowed with argument -f")
    if options.json != "off" and getattr(options, "drawing", None):
        inner.error(f"argument --json: not allowed with argument --{options.drawing}")
    return options


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--since -1h`, as people know it from journalctl; argparse would take -1h for an option."""
    found = list[str]()
    for argument in arguments:
        if found and found[-1] == "--since" and argument.startswith("-"):
            found[-1] = f"--since={argument}"
        else:
            found.append(argument)
    return found


def verb_parser(name: str) -> ArgumentParser:
    """Of a verb's own words: those after it, and the options that stand before it."""
    verb = VERBS[name]
    prog = f"{PROGRAM} {name}"
    parser = ArgumentParser(
        prog=prog,
        usage=f"{prog} [OPTION...] {verb.operands}",
        description=verb.summary,
        epilog=documented(name),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.configure(parser)
    _add_common(parser, default=SUPPRESS, json={"nargs": "?", "const": "short"})
    return parser


def outer_parser() -> ArgumentParser:
    """Of what comes before the verb."""
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
    _add_common(parser, default=None, json={})
    parser.set_defaults(user=False, no_ask_password=False, json="off")
    parser.set_defaults(no_legend=False, no_pager=True, quiet=False, lines=None)
    parser.add_argument("verb", metavar="VERB", help=SUPPRESS)
    parser.add_argument("rest", nargs=REMAINDER, help=SUPPRESS)
    return parser


def _add_common(parser: ArgumentParser, *, default: str | None, json: dict[str, Any]) -> None:
    """`json`: whether --json may stand alone. Before the verb it may not: it would take the verb for its value."""
    group = parser.add_argument_group("options of every verb")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--system", dest="user", action="store_false", default=default, help="the machine's instance (default)"
    )
    which.add_argument("--user", action="store_true", default=default, help="your own instance")
    group.add_argument("--json", choices=("short", "pretty", "off"), default=default, help="print JSON", **json)
    group.add_argument(
        "--no-ask-password",
        action="store_true",
        default=default,
        help="do not wait while somebody is asked for a password",
    )
    group.add_argument("--no-legend", action="store_true", default=default, help="no header, and no count below")
    group.add_argument("--no-pager", action="store_true", default=default, help="there never is one")
    group.add_argument(
        "-n",
        dest="lines",
        type=checked(uint32),
        default=default,
        metavar="NUMBER",
        help="at most so many tasks, or lines",
    )
    group.add_argument("-q", "--quiet", action="store_true", default=default, help="no talk, only errors")


def _no_arguments(parser: ArgumentParser) -> None:
    """The verb takes nothing but the common options."""


def _submit(parser: ArgumentParser) -> None:
    parser.add_argument("unit", metavar="UNIT", nargs="?", help="name of a batch unit, without .batch")
    _add_request(parser, dry_run=True)
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--each-line",
        metavar="FILE",
        help="a task for each line of FILE (- is stdin): NAME=VALUE words, quoted as in Exec=; # begins a comment; "
        "what is given here holds for all that do not say otherwise",
    )
    many.add_argument(
        "--from-json",
        metavar="FILE",
        help='a task for each entry of a list {"unit": NAME, "args": {...}, "params": {...}}, each key optional. '
        "Nothing is submitted unless all of FILE is right; as many as the service takes at once, up to "
        "10,000 tasks, are one call, which is done whole or not at all",
    )
    parser.add_argument("--now", action="store_true", help="start it now or not at all, instead of waiting for room")
    parser.add_argument("--priority", type=checked(uint32), metavar="N", help="higher starts first")
    parser.add_argument(
        "--deadline",
        type=checked(kept(parse_span)),
        metavar="SPAN",
        help="so long from now, as 10min, it has to have ended, as far as its expected time tells",
    )


def _start(parser: ArgumentParser) -> None:
    parser.add_argument("unit", metavar="WORKORDER", help="name of a workorder unit, without .workorder")
    _add_request(parser)


def _add_request(parser: ArgumentParser, *, dry_run: bool = False) -> None:
    parser.add_argument(
        "params",
        nargs="*",
        type=checked(assignment),
        metavar="NAME=VALUE",
        help="a parameter; one that is given several times makes one task for each of its values",
    )
    parser.add_argument("--size", type=checked(kept(parse_size)), help="tiny, small, medium, large, or as 384M")
    parser.add_argument("--cpus", type=checked(uint32), metavar="N", help="how many it uses")
    parser.add_argument("--expected", type=checked(parse_span), metavar="SPAN", help="how long it is likely to run")
    parser.add_argument("--task-version", metavar="VERSION", help="instead of the next YYYYMMDD.N")
    parser.add_argument("--tag", help="a word of your own to know it by")
    parser.add_argument("--arg", action="append", default=[], help="appended to Exec=; may be repeated; --arg=-x")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--wait", action="store_true", help="until it has ended, and exit with its own status")
    doing.add_argument("--follow", action="store_true", help="the same, with its output on stdout as it is written")
    if dry_run:
        doing.add_argument("--dry-run", action="store_true", help="only say what would come of it")


def _list(parser: ArgumentParser) -> None:
    parser.add_argument("--state", action="append", choices=STATES, help="may be repeated")
    parser.add_argument("--root", help="only tasks of this root")
    parser.add_argument("--tag", help="only tasks that were submitted with this --tag, of the newest 10,000")
    parser.add_argument(
        "--since",
        type=checked(asking.moment),
        metavar="TIME",
        help="submitted since then, ended or not; -1h, today, ...",
    )
    parser.add_argument("--all", action="store_true", help="those that have ended, too")


def _status(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="one task instead of the whole")


def _task(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")


def _plan(parser: ArgumentParser) -> None:
    drawing = parser.add_mutually_exclusive_group()
    drawing.add_argument("--html", dest="drawing", action="store_const", const="html", help="a page for a browser")
    drawing.add_argument("--svg", dest="drawing", action="store_const", const="svg", help="a drawing")


def _cancel(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID")


def _set_property(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument(
        "properties",
        nargs="+",
        type=checked(scheduling),
        metavar="NAME=VALUE",
        help="priority, deadline or size; an empty deadline takes it away",
    )


def _kill(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("-s", "--signal", default="SIGTERM", help="name or number (default: SIGTERM)")


def _logs(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task has ended")


def _root(parser: ArgumentParser) -> None:
    parser.add_argument("root", metavar="ROOT")


VERBS: Final = {
    "submit": Verb("UNIT [NAME=VALUE...]", "Run a batch task as soon as there is room", _submit),
    "start": Verb("WORKORDER [NAME=VALUE...]", "Start a workorder, room or not", _start),
    "list": Verb("", "The tasks that run or wait", _list),
    "status": Verb("[ID]", "The service and its budget, or one task", _status),
    "list-units": Verb("", "Unit files, and what is wrong with them", _no_arguments),
    "verify": Verb("FILE...", "Check unit files without the service", asking.verify),
    "cat": Verb("UNIT...", "What is in unit files and their drop-ins", asking.cat),
    "show": Verb("[ID]", "Properties of the service, or of one task, as Key=value", asking.show),
    "stats": Verb("NAME", "What earlier runs took, and the size to ask for", asking.stats),
    "why": Verb("ID", "Why a task waits", _task),
    "logs": Verb("ID", "What a task wrote, and what the journal says of it (-n: lines of each)", _logs),
    "top": Verb("", "Budget and tasks, live; q ends it", _no_arguments),
    "watch": Verb("", "A line for each change of a task, as it comes", _no_arguments),
    "plan": Verb("", "What will start when", _plan),
    "cancel": Verb("ID...", "Take waiting tasks out of the queue", _cancel),
    "set-property": Verb("ID NAME=VALUE...", "Change priority, deadline or size of a waiting task", _set_property),
    "drain": Verb("", "Start nothing further", _no_arguments),
    "resume": Verb("", "Take a drain back", _no_arguments),
    "wait": Verb("ID...", "Return when tasks have ended, with their status", asking.wait),
    "retry": Verb("ID...", "Ask again for what has ended", asking.retry),
    "kill": Verb("ID", "Send a signal to a running task", _kill),
    "decommission": Verb("ROOT", "Execute nothing further in a root", _root),
    "recommission": Verb("ROOT", "Take a decommission back", _root),
    "reload": Verb("", "Read units, configuration and budget again", _no_arguments),
}
