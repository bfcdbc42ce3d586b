# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the journal is told: one row per kind of entry, and the fields that an entry may carry.

The rows are what people filter and translate by: an id never changes its meaning and is never used again. The
catalogue (`journalctl -x`) and the list in sd-taskpacker(8) are made from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sd_taskpacker.model.task import Result, Task


class Level(IntEnum):
    """syslog(3), as PRIORITY=: a task that fails is news, what the machine or an admin must look at is a warning."""

    WARNING = 4
    NOTICE = 5
    INFO = 6


@dataclass(frozen=True, slots=True)
class Notice:
    """`id` is the MESSAGE_ID=. `subject` and `text` are the catalogue's; `@FIELD@` in them is a field of the
    entry."""

    name: str
    id: str
    level: Level
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line in the journal. `text` is what people read; no parameter's value is ever in it or in a field."""

    notice: Notice
    text: str
    task: Task | None = None
    root: str = ""
    """Where the entry is about a root and not about a task."""


FIELDS: Final = {
    "TASKPACKER_TASK": "The task's id, NAME@VERSION. Also on what the task itself logs.",
    "TASKPACKER_NAME": "The task's name. Also on what the task itself logs.",
    "TASKPACKER_VERSION": "The task's version. Also on what the task itself logs.",
    "TASKPACKER_ROOT": "The first component of the name. Also on what the task itself logs.",
    "TASKPACKER_STATE": "The state that the task is in from then on: waiting, running, complete or failed.",
    "TASKPACKER_RESULT": "Of a task that has ended, why: success, exit-code, oom-kill, ...; see RESULTS.",
    "OBJECT_SYSTEMD_UNIT": "The task's systemd unit, by which journalctl -u finds the entry. In a user instance it"
    " is OBJECT_SYSTEMD_USER_UNIT=, for journalctl --user -u.",
}
"""Field -> what it holds."""

QUEUED: Final = Notice(
    "queued",
    "8d2488d6d9604049b2ef49564f9e058e",
    Level.INFO,
    "Task @TASKPACKER_TASK@ waits for room",
    "The task was accepted and has a place in the plan. It starts at the time it was promised or earlier. "
    "'taskpackerctl why @TASKPACKER_TASK@' tells what it waits for.",
)
STARTED: Final = Notice(
    "started",
    "39eada0005ee43f59946968b91484d1f",
    Level.INFO,
    "Task @TASKPACKER_TASK@ was started",
    "It runs as a systemd unit of its own. What it writes goes to results/output.txt in its directory; "
    "'taskpackerctl status @TASKPACKER_TASK@' tells both.",
)
COMPLETE: Final = Notice(
    "complete",
    "62fcb2a07df441df9d5be08f4dc97ca8",
    Level.INFO,
    "Task @TASKPACKER_TASK@ succeeded",
    "Its results are kept; 'taskpackerctl status @TASKPACKER_TASK@' tells where, and what it used.",
)
FAILED: Final = Notice(
    "failed",
    "b6446555f333401baacfc66e774a1189",
    Level.NOTICE,
    "Task @TASKPACKER_TASK@ failed (@TASKPACKER_RESULT@)",
    "The program exited with a status that is not a success, was ended by a signal, or was stopped by somebody. "
    "Its last words are in results/output.txt; 'taskpackerctl status @TASKPACKER_TASK@' tells where.",
)
OOM_KILL: Final = Notice(
    "oom-kill",
    "4cb6287d71154fca85644fdfd2b6ad78",
    Level.NOTICE,
    "Task @TASKPACKER_TASK@ took more memory than its size and was killed",
    "The kernel ended it at the limit that Size= of its unit gives. Give the unit a larger Size=, or let "
    "OnOOM=larger try it once more in the next one.",
)
TIMEOUT: Final = Notice(
    "timeout",
    "b781f00120b64c48b04c180f7afd3248",
    Level.NOTICE,
    "Task @TASKPACKER_TASK@ ran longer than it may and was ended",
    "RuntimeMaxSec= in [Service] of its unit is the limit. ExpectedSec= is for planning only and ends nothing.",
)
CANCELLED: Final = Notice(
    "cancelled",
    "a25e226fcb6d43f6b84fc7c47fafbab5",
    Level.NOTICE,
    "Task @TASKPACKER_TASK@ was taken out of the queue",
    "Somebody cancelled it while it waited. It has never run.",
)
DEADLINE: Final = Notice(
    "deadline",
    "4c8fe2c4e2684012a1b0c97d08c93913",
    Level.NOTICE,
    "Task @TASKPACKER_TASK@ was dropped because its deadline passed",
    "It still waited then, and has never run. With OnDeadline=run a unit's tasks are started late instead.",
)
LOST: Final = Notice(
    "lost",
    "c64b8560fc1c48dc8974dc039404e7d3",
    Level.WARNING,
    "Task @TASKPACKER_TASK@ was lost",
    "The machine went down while it ran, or its unit vanished without leaving how it ended. Whether it had done "
    "its work is not known. With Retry= a unit's tasks are tried again.",
)
COULD_NOT_START: Final = Notice(
    "could-not-start",
    "83a809cce57a4246baa4c58f9a3ff446",
    Level.WARNING,
    "Task @TASKPACKER_TASK@ could not be started",
    "Its directory could not be made, systemd refused its unit, or the program could not be executed. The entry "
    "says which; most often Exec=, User= or a setting in [Service] of its unit file needs a correction.",
)
DECOMMISSIONED: Final = Notice(
    "decommissioned",
    "151516763e0844ac836c109415129965",
    Level.NOTICE,
    "Task @TASKPACKER_TASK@ was dropped with its root",
    "The root @TASKPACKER_ROOT@ was decommissioned while the task waited. It has never run.",
)
DECOMMISSION: Final = Notice(
    "decommission",
    "7be74d06eb074a878738ec4e2f9c9534",
    Level.NOTICE,
    "The root @TASKPACKER_ROOT@ executes nothing further",
    "What runs in it goes on to its end. 'taskpackerctl recommission @TASKPACKER_ROOT@' takes that back.",
)
RECOMMISSION: Final = Notice(
    "recommission",
    "0013348ddac746b7bcbd38e7c350bb85",
    Level.NOTICE,
    "The root @TASKPACKER_ROOT@ executes tasks again",
    "What was dropped when it was decommissioned has to be submitted again.",
)
DRAINED: Final = Notice(
    "drained",
    "48fbc1b680da4e7fb830434c326540de",
    Level.NOTICE,
    "No further task is started",
    "What runs goes on to its end, and what is queued waits. 'taskpackerctl resume' takes that back; a restart"
    " does not.",
)
RESUMED: Final = Notice(
    "resumed",
    "b9f6b5c093684110a0e8ece9368b2ade",
    Level.NOTICE,
    "Tasks are started again",
    "The service was drained before.",
)
BUDGET: Final = Notice(
    "budget",
    "db85809aebad40bd9eae5999b938e027",
    Level.NOTICE,
    "The budget of memory and CPUs has changed",
    "It is the limit on the service's own unit, or the machine where there is none. What runs goes on even if it "
    "no longer fits; what waits was planned anew. 'taskpackerctl status' shows the budget.",
)
REFUSED: Final = Notice(
    "refused",
    "ea79e5bd054a48f186195c7adf967556",
    Level.WARNING,
    "A unit file is wrong and is not used",
    "An earlier good definition of the unit stays in force as long as the service runs. 'taskpackerctl list-units'"
    " shows every problem with its file and line; 'taskpackerctl verify FILE' checks a file before it is in its"
    " place.",
)
RECOVERED: Final = Notice(
    "recovered",
    "a026031c11c143a0bcb1975d488d6f58",
    Level.NOTICE,
    "The service has found its tasks again",
    "It was restarted, or the machine was. What ran went on meanwhile or has ended, and was recorded with its true "
    "result; after a reboot what ran is lost. What waited waits.",
)

NOTICES: Final = (
    QUEUED,
    STARTED,
    COMPLETE,
    FAILED,
    OOM_KILL,
    TIMEOUT,
    CANCELLED,
    DEADLINE,
    LOST,
    COULD_NOT_START,
    DECOMMISSIONED,
    DECOMMISSION,
    RECOMMISSION,
    DRAINED,
    RESUMED,
    BUDGET,
    REFUSED,
    RECOVERED,
)

_ENDS: Final = {
    Result.SUCCESS: COMPLETE,
    Result.OOM_KILL: OOM_KILL,
    Result.TIMEOUT: TIMEOUT,
    Result.CANCELLED: CANCELLED,
    Result.DEADLINE: DEADLINE,
    Result.LOST: LOST,
    Result.COULD_NOT_START: COULD_NOT_START,
    Result.DECOMMISSIONED: DECOMMISSIONED,
}


def end_of(result: Result) -> Notice:
    return _ENDS.get(result, FAILED)


def task_fields(task: Task) -> dict[str, str]:
    """What is said of a task on every entry about it, ours and the task's own."""
    return {
        "TASKPACKER_TASK": str(task.id),
        "TASKPACKER_NAME": task.id.name,
        "TASKPACKER_VERSION": task.id.version,
        "TASKPACKER_ROOT": task.id.root,
    }


def entry_fields(entry: Entry) -> dict[str, str]:
    """The fields of FIELDS that are ours alone to write, but for the unit, which is called otherwise in a user
    instance."""
    if entry.task is None:
        return {"TASKPACKER_ROOT": entry.root} if entry.root else {}
    fields = task_fields(entry.task) | {"TASKPACKER_STATE": str(entry.task.state)}
    if entry.task.outcome is not None:
        fields["TASKPACKER_RESULT"] = str(entry.task.outcome.result)
    return fields
