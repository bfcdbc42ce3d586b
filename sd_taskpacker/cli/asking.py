# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the verbs take that ask about tasks and units, each under its own name; `arguments` has the table of verbs."""

from __future__ import annotations

from argparse import ArgumentParser

from sd_taskpacker.cli.operands import checked, kept, uint32
from sd_taskpacker.model.quantities import parse_size, parse_span


def moment(text: str) -> str:
    """Checked here, and read where the clock is."""
    from sd_taskpacker.cli.moments import parse_moment

    parse_moment(text, 0)
    return text


def show(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="one task instead of the service")
    parser.add_argument("-p", "--property", action="append", metavar="NAME", help="only this; may be repeated")
    parser.add_argument("--value", action="store_true", help="without the names")


def cat(parser: ArgumentParser) -> None:
    parser.add_argument("units", nargs="+", metavar="UNIT", help="massif, or massif.batch")


def stats(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of tasks, without @VERSION")


def wait(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID")
    parser.add_argument(
        "--timeout", type=checked(parse_span), metavar="SPAN", help="no longer than that; exit status 124 then"
    )


def retry(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID")
    parser.add_argument("--size", type=checked(kept(parse_size)), help="instead of the size that it had")
    parser.add_argument("--priority", type=checked(uint32), metavar="N", help="instead of the one that it had")


def verify(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="NAME.batch, NAME.workorder or a drop-in of one")
    parser.add_argument("--strict", action="store_true", help="exit status 1 for warnings, too")
