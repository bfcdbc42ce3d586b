# SPDX-License-Identifier: LGPL-2.1-or-later
"""From what systemd left about a unit's end to the task's true result.

The words are systemd's: systemd.exec(5), $SERVICE_RESULT, $EXIT_CODE, $EXIT_STATUS. Three things it does not
tell: cgroup v1 reports a kill for memory as `signal` (the cgroup's own counter knows better); a status of 200
and above may be the program's or systemd's own (the journal knows, see Witness); and a unit that somebody
stopped counts as a success there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sd_taskpacker.engine.ports import DONE, STOPPED, Receipt
from sd_taskpacker.model.task import Outcome, Result, Usage

_BY_HAND = "its systemd unit was stopped by hand"

SPAWN_STATUSES: Final = range(200, 246)
"""systemd.exec(5), "Process Exit Codes": what systemd itself exits with before the program is there."""

_DIRECT: Final[Mapping[str, Result]] = {
    "signal": Result.SIGNAL,
    "core-dump": Result.CORE_DUMP,
    "timeout": Result.TIMEOUT,
    "watchdog": Result.WATCHDOG,
    "oom-kill": Result.OOM_KILL,
}


def may_be_spawn_error(receipt: Receipt | None) -> bool:
    """Whether only the journal can tell if the program ever ran."""
    return (
        receipt is not None
        and receipt.service_result == "exit-code"
        and receipt.exit_code == "exited"
        and _status(receipt) in SPAWN_STATUSES
    )


def judge(receipt: Receipt | None, *, note: str, spawn_error: str | None, now: int) -> Outcome:
    """`now` is used only when nothing tells when it ended."""
    if receipt is None:
        if note == STOPPED:
            return Outcome(result=Result.STOPPED, ended_usec=now, message=_BY_HAND)
        if note == DONE:
            return Outcome(result=Result.SUCCESS, ended_usec=now)
        return Outcome(result=Result.LOST, ended_usec=now, message="its systemd unit is gone and left no trace")
    result, message = _result(receipt, note, spawn_error)
    exited = receipt.exit_code == "exited" and result is not Result.COULD_NOT_START
    return Outcome(
        result=result,
        ended_usec=receipt.ended_usec,
        exit_status=_status(receipt) if exited else None,
        signal=receipt.exit_status if receipt.exit_code in ("killed", "dumped") else None,
        message=message,
        usage=Usage(cpu_usec=receipt.cpu_usec, memory_peak=receipt.memory_peak),
    )


def _result(receipt: Receipt, note: str, spawn_error: str | None) -> tuple[Result, str]:
    if spawn_error is not None:
        return Result.COULD_NOT_START, spawn_error
    if note == STOPPED:
        return Result.STOPPED, _BY_HAND
    if receipt.service_result == "success":
        # A Type=exec unit that dies of SIGTERM and the like is clean to systemd; to us the task was killed.
        return (Result.SIGNAL if receipt.exit_code == "killed" else Result.SUCCESS), ""
    if receipt.oom_kills:
        return Result.OOM_KILL, ""
    if receipt.service_result == "exit-code":
        return Result.EXIT_CODE, ""
    direct = _DIRECT.get(receipt.service_result)
    if direct is None:
        return Result.COULD_NOT_START, f"systemd could not run it: {receipt.service_result}"
    return direct, ""


def _status(receipt: Receipt) -> int | None:
    return int(receipt.exit_status) if receipt.exit_status.isascii() and receipt.exit_status.isdigit() else None
