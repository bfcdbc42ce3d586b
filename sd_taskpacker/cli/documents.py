# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each verb prints with --json. Keys are only ever added. `VERB --help` shows it, and a test compares.

Times are usec of CLOCK_REALTIME, spans usec, memory bytes. What is unknown or does not apply has no key, or is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Document:
    """One object with these keys, or a list of such objects. `about` is for what has the keys of something else."""

    keys: tuple[str, ...] = ()
    many: bool = False
    about: str = ""

    def __str__(self) -> str:
        inside = ", ".join(filter(None, (*self.keys, self.about)))
        return f"a list of {{{inside}}}" if self.many else f"{{{inside}}}"


TASK: Final = "the keys of a task: those of GetTask"
_PROBLEM: Final = ("path", "line", "key", "severity", "message")
_DONE: Final = Document()

DOCUMENTS: Final[Mapping[str, Document]] = {
    "submit": Document(("accepted", "rejected"), about="with --now started instead of accepted; ids, and names"),
    "submit --dry-run": Document(("name", "verdict", "start", "code", "text"), many=True),
    "start": Document(("started", "rejected")),
    "list": Document(many=True, about=TASK),
    "status": Document(("properties", "tasks", "ended", "plan", "problems", "pressure")),
    "status ID": Document(("reasons", "output", "earlier", "later"), about=TASK),
    "list-units": Document(("name", "kind", "path", "description", "loaded", "problems"), many=True),
    "cat": Document(("path", "text"), many=True),
    "verify": Document(_PROBLEM, many=True),
    "show": Document(about="the service's D-Bus properties"),
    "show ID": Document(about=TASK),
    "stats": Document(
        ("name", "tasks", "ended", "complete", "failed", "wait", "run", "cpu", "memory", "size", "expected"),
        about="wait, run, cpu and memory each null or {count, p50, p90, p99, max}",
    ),
    "why": Document(("resource", "verdict", "text"), many=True),
    "plan": Document(
        ("format", "now", "draining", "budget", "used", "free", "chunk_bytes", "tasks", "unplaced"),
    ),
    "logs": Document(("task", "output", "journal")),
    "top": Document(("properties", "running", "waiting")),
    "watch": Document(("sequence", "time", "id", "state", "details"), about="one such object a line"),
    "wait": Document(many=True, about=TASK),
    "retry": Document(("retry_of", "accepted", "rejected"), many=True),
    "cancel": Document(("cancelled",)),
    "set-property": _DONE,
    "drain": _DONE,
    "resume": _DONE,
    "kill": _DONE,
    "decommission": _DONE,
    "recommission": _DONE,
    "reload": _DONE,
}
"""Verb, or the verb with what changes its answer."""


def documented(verb: str) -> str:
    """For `VERB --help`; empty for a verb that is not in the table."""
    lines = [f"{name} --json: {each}" for name, each in DOCUMENTS.items() if name.split()[0] == verb]
    return "\n".join(lines)
