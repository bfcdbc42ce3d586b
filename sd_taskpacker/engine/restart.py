# SPDX-License-Identifier: LGPL-2.1-or-later
"""What to do about each open task when the daemon starts: what we remember, against what systemd has.

A start leaves a loaded unit behind until its end, and from then on the receipt that PID 1 wrote; so a task of
this boot that has neither was committed and never handed to systemd, unless the journal has systemd's word about
the unit, which means that hands have been at work. Where nobody can tell it counts as lost: no task runs twice.
"""

from __future__ import annotations

from enum import Enum, auto

from sd_taskpacker.model.task import Task


class Step(Enum):
    FINISH = auto()
    """Its end is remembered; announce it and collect."""
    LOST = auto()
    """It went down with the machine, or its unit vanished without a trace."""
    ADOPT = auto()
    """It runs."""
    JUDGE = auto()
    """It ended while we were away."""
    LAUNCH = auto()
    """It was decided to start it, and nobody did."""


def next_step(task: Task, *, boot_id: str, alive: bool, loaded: bool, receipt: bool, began: bool | None) -> Step:
    """`alive`: systemd has processes of it; `loaded`: systemd knows the unit; `began`: see ports.Witness."""
    if task.outcome is not None:
        return Step.FINISH
    if task.boot_id != boot_id:
        return Step.LOST
    if alive:
        return Step.ADOPT
    if receipt or loaded:
        return Step.JUDGE
    return Step.LAUNCH if began is False else Step.LOST
