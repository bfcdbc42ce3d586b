# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to tasks that somebody waits for, and how it is said."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

FAILED: Final = 1

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """It waits or runs now. `promised`: the latest start in usec, where the service told one with the news."""

    id: str
    state: str
    promised: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    task: Task


@dataclass(frozen=True, slots=True)
class TriedAgain:
    """It failed, and goes on under another id."""

    task: Task
    following: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Properties of the service that changed: what is free, how many run."""

    changed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Away:
    """The service left the bus, or we did; the tasks go on. `what`: who is not there, for a person."""

    waiting: tuple[str, ...]
    what: str = "sd-taskpacker"


@dataclass(frozen=True, slots=True)
class Back:
    """The service is there (again)."""


class OutOfTime(Exception):
    """They have not all ended within the time given; the message says that they go on."""


Happening = Moved | Ended | TriedAgain | Budget | Away | Back


def goes_on(waiting: Collection[str]) -> str:
    """For a person who might think that the task is gone with the command."""
    match list(waiting):
        case [only]:
            return f"{only} goes on without this command; taskpackerctl status {only} shows how it does."
        case several:
            return f"{len(several)} tasks go on without this command; taskpackerctl list shows how they do."


def sentence(task: Task) -> str:
    """`build@1 failed: exit-code, status 3`"""
    reasons = [str(task["result"])] if task["state"] == "failed" and "result" in task else []
    if task.get("exit_status"):
        reasons.append(f"status {task['exit_status']}")
    if "signal" in task:
        reasons.append(f"SIG{task['signal']}")
    if "message" in task:
        reasons.append(str(task["message"]))
    return f"{task['id']} {task['state']}" + (f": {', '.join(reasons)}" if reasons else "")


def exit_status(task: Task) -> int:
    """The status of the program, 128 + signal as a shell counts it, 1 when it failed without having either."""
    if task["state"] == "complete":
        return 0
    if "signal" in task:
        return _signal_status(str(task["signal"]))
    return int(task.get("exit_status") or FAILED)


def _signal_status(name: str) -> int:
    try:
        return 128 + signal.Signals[f"SIG{name}"]
    except KeyError:
        return FAILED
