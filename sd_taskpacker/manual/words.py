# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is said of keys that have no row of their own to say it in. A test holds each table against the code."""

from __future__ import annotations

from typing import Final

from sd_taskpacker.model.task import Result

TASK_KEYS: Final = {
    "id": "NAME@VERSION.",
    "name": "Components joined by /, of which the last is the unit's name.",
    "version": "YYYYMMDD.N in UTC unless it was asked for.",
    "root": "The first component of the name.",
    "kind": "batch or workorder.",
    "unit": "The unit file's name without its suffix.",
    "description": "The unit's Description= when the task was submitted.",
    "state": "waiting, running, complete or failed.",
    "systemd_unit": "The transient unit that the task runs as.",
    "directory": "Its work directory; results/ in it is kept.",
    "argv": "The command, with parameters put in.",
    "parameters": "As they were submitted, with the types that they had.",
    "chunks": "Memory, in chunks of 32M.",
    "memory_max": "The same in bytes.",
    "cpus": "How many CPUs it is charged for.",
    "priority": "Higher goes first.",
    "uid": "Who submitted it.",
    "submitted": "When it came.",
    "started": "When it was decided that it runs; of a task that waits there is none.",
    "promised": "Of one that was queued: the latest time at which it starts.",
    "expected": "How long it was said to run, in usec; for planning only.",
    "deadline": "When it has to have ended, as far as its expected time tells.",
    "on_deadline": "run, where it starts even after its deadline.",
    "max_running": "How many of its unit run at once.",
    "retries": "How often it is tried again when it fails.",
    "on_oom": "larger, where it is tried once more in the next size after an oom-kill.",
    "retry_of": "The id of the try before.",
    "tag": "What its submitter called it.",
    "result": "Why it ended; see RESULTS in sd-taskpacker(8).",
    "ended": "When it ended.",
    "exit_status": "The program's own; none where it did not exit by itself.",
    "signal": "The signal that ended it, without SIG.",
    "message": "For people: why it could not start, for example.",
    "cpu_usec": "The CPU time of all its processes.",
    "memory_peak": "The most memory that it had at one time, in bytes.",
}

REQUEST_ARGS: Final = {
    "priority": ("u", "Higher goes first. Batch only."),
    "deadline": (
        "t or s",
        "When it has to have ended, as far as its expected time tells: usec of CLOCK_REALTIME,"
        " or a time span from now. Batch only.",
    ),
    "size": ("s", "tiny, small, medium, large, or an amount such as 384M."),
    "cpus": ("u", "How many CPUs it is charged for."),
    "expected": ("t", "How long it is likely to run, in usec; for planning only."),
    "version": ("s", "Instead of the next YYYYMMDD.N."),
    "argv": ("as", "Appended to the command of Exec=. Where that runs as root, only who may manage may do so."),
    "tag": ("s", "A word to know it by."),
}

FILTERS: Final = {
    "state": ("s or as", "waiting, running, complete or failed. Without it: waiting and running."),
    "root": ("s", "Only tasks of this root."),
    "kind": ("s", "batch or workorder."),
    "since": ("t", "Submitted then (usec of CLOCK_REALTIME) or later."),
    "limit": ("u", "At most so many, the newest first."),
}

RESULTS: Final = {
    Result.SUCCESS: "It exited with 0, or with a status of SuccessExitStatus=.",
    Result.EXIT_CODE: "It exited with another status.",
    Result.SIGNAL: "A signal ended it.",
    Result.CORE_DUMP: "A signal ended it, and it left a core.",
    Result.TIMEOUT: "It ran longer than RuntimeMaxSec= allows, or did not stop in time.",
    Result.WATCHDOG: "It did not feed the watchdog of WatchdogSec= in time.",
    Result.OOM_KILL: "It took more memory than its size, or the machine had none left.",
    Result.COULD_NOT_START: "No program of it ever ran: its message says why.",
    Result.STOPPED: "Somebody stopped its systemd unit by hand.",
    Result.LOST: "The machine went down under it, or its unit vanished without a trace.",
    Result.CANCELLED: "Somebody took it out of the queue, or ended it while its directory found no room.",
    Result.DEADLINE: "Its deadline passed while it waited.",
    Result.DECOMMISSIONED: "Its root was decommissioned while it waited.",
}
