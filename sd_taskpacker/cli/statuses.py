# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an exit status of taskpackerctl means. A task's own status comes through --wait and may be any of them."""

from __future__ import annotations

from typing import Final

NO_ROOM: Final = 75

EXIT_STATUSES: Final = {
    0: "All is well; with --wait, the task succeeded.",
    1: "Something failed: a task, a file that verify refuses, an order that the task's state does not allow.",
    2: "The command line is wrong.",
    3: "status of a task that does not run: it waits, or has ended.",
    4: "There is no such task.",
    65: "There is no such unit, or parameters or options do not fit it.",
    69: "The service, or the bus, cannot be reached.",
    NO_ROOM: "All is correct, but there is no room now, or a limit is reached; try again later.",
    77: "The caller may not do this.",
    124: "wait has run out of time; the task goes on.",
    130: "Interrupted with Ctrl-C; the task goes on.",
    141: "Whoever read the output has left, as after ``| head``.",
}
"""128 and a signal's number is the status of a task that was waited for and that the signal has ended."""
