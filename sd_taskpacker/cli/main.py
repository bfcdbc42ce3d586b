# SPDX-License-Identifier: LGPL-2.1-or-later
"""taskpackerctl: the entry point. Every way to end has its exit status here or in the error's class."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from sd_taskpacker.cli import output
from sd_taskpacker.cli.arguments import parse
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.errors import TaskpackerError

FAILED: Final = 1
INTERRUPTED: Final = 130
COMPLETE: Final = "__complete"
"""What the shells' completion calls with the words of a command line; no verb, for it is for no person."""
UNREAD: Final = 141
"""128 + SIGPIPE, as for a program in C whose reader has left."""


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    try:
        output.prepare()
        if words[:1] == [COMPLETE]:
            return _complete(words[1:])
        options = parse(words)
        out = Output(json=Json(options.json), legend=not options.no_legend, quiet=options.quiet)
        return _run(options, out)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        output.abandon()
        return UNREAD


def _complete(words: Sequence[str]) -> int:
    from sd_taskpacker.cli.complete import complete

    return complete(words)


def _run(options: Namespace, out: Output) -> int:
    try:
        status = _verb(options, out)
        output.finish()
    except TaskpackerError as error:
        out.error(error)
        return error.exit_status
    except BrokenPipeError:
        raise
    except OSError as error:
        output.abandon()
        out.warn(f"The results could not be written: {error.strerror or error}")
        return FAILED
    return status


def _verb(options: Namespace, out: Output) -> int:
    # Imported when needed: checking a file or asking for help pays neither for asyncio nor for D-Bus.
    if options.verb == "verify":
        from sd_taskpacker.cli.verify import verify

        return verify(options.files, out, strict=options.strict)
    from sd_taskpacker.cli.verbs import run

    return run(options, out)
