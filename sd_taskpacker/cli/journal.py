# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal's entries about one task, read through journalctl: it knows where journals are and who may see them.

They are of three kinds: what the task's processes log (our units carry `TASKPACKER_TASK=` as an extra field), what
systemd says of its unit, and what the service says of the task, with the same field or in a line that begins with its
id. Anybody may write any field to the journal but those that begin with an underscore, so these say who is believed.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sd_taskpacker.cli.happenings import Task

_SERVICE: Final = "sd-taskpacker.service"
_AFTERWARDS_SEC: Final = 300
"""So long after its end something may still be said about a task: that its directory could not be removed, say."""
_LINE: Final = 16 << 20
"""Bytes; journald takes fields of up to 768M, but nobody reads those."""
_FIELDS: Final = (
    "MESSAGE,SYSLOG_IDENTIFIER,_COMM,_PID,_UID,TASKPACKER_TASK,UNIT,USER_UNIT,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT"
)
_MANAGER: Final = "init.scope"
"""The unit in which systemd itself is, also that of a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    time: int
    """usec, CLOCK_REALTIME."""
    source: str
    """`systemd[1]`"""
    message: str


class JournalUnreadable(Exception):
    """What journalctl, or its absence, says of it."""


def command(task: Task, *, user: bool, follow: bool = False) -> Sequence[str]:
    """journalctl with the matches for one task. `user`: of the user's own instance."""
    unit, slot = task["systemd_unit"], "_SYSTEMD_USER_UNIT" if user else "_SYSTEMD_UNIT"
    alternatives = (
        f"{slot}={unit}",
        f"{'USER_UNIT' if user else 'UNIT'}={unit}",
        f"{slot}={_SERVICE}",
    )
    found = ["journalctl", "--no-pager", "--output=json", f"--output-fields={_FIELDS}"]
    if follow:
        found += ["--follow", "--lines=0"]
    else:
        # Whole seconds, and the one before: the first entry may bear an earlier time than the submission.
        found.append(f"--since=@{task['submitted'] // 1_000_000 - 1}")
        if "ended" in task:
            found.append(f"--until=@{task['ended'] // 1_000_000 + _AFTERWARDS_SEC}")
    for each in alternatives:
        found += [each, "+"]
    return found[:-1]


async def entries(task: Task, *, user: bool, follow: bool = False) -> AsyncIterator[Entry]:
    """Oldest first; with `follow` only new ones, without end. Raises JournalUnreadable."""
    arguments = command(task, user=user, follow=follow)
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, limit=_LINE
        )
    except OSError as error:
        raise JournalUnreadable(f"journalctl: {error.strerror}") from None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async for row in process.stdout:
            entry = entry_of(row, task, user=user)
            if entry is not None:
                yield entry
        complaint = (await process.stderr.read()).decode(errors="replace").strip()
        # It says there, and exits with 0, when there are entries that this user may not see.
        if await process.wait() or complaint:
            raise JournalUnreadable(_first_line(complaint) or "journalctl failed")
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def entry_of(row: bytes, task: Task, *, user: bool) -> Entry | None:
    """One line of journalctl's JSON; None for what is about another task, or says so without being entitled to."""
    try:
        found = json.loads(row)
        time = int(found["__REALTIME_TIMESTAMP"])
    except (ValueError, KeyError, TypeError):
        return None
    message = _text(found.get("MESSAGE"))
    if not _concerns(found, message, task, user=user):
        return None
    name = _text(found.get("SYSLOG_IDENTIFIER") or found.get("_COMM")) or "?"
    return Entry(time=time, source=f"{name}[{_text(found.get('_PID'))}]", message=message)


def _concerns(found: Mapping[str, Any], message: str, task: Task, *, user: bool) -> bool:
    """By who has sent it, which journald has looked up, and only of the service and of systemd by what they say."""
    if user and found.get("_UID") != str(os.getuid()):
        return False  # Who may read everybody's journals sees units of the same names.
    sender = found.get("_SYSTEMD_USER_UNIT" if user else "_SYSTEMD_UNIT")
    if sender == task["systemd_unit"]:
        return True
    if sender == _SERVICE:
        return bool(found.get("TASKPACKER_TASK") == task["id"]) or message.startswith(f"{task['id']}: ")
    about = found.get("USER_UNIT" if user else "UNIT")
    return sender == _MANAGER and bool(about == task["systemd_unit"])


def _text(data: Any) -> str:
    """A field is text, or the bytes of what is none, or several of these; None when it was too long."""
    match data:
        case str():
            return data
        case [int(), *_]:
            return bytes(data).decode(errors="backslashreplace")
        case [first, *_]:
            return _text(first)
        case _:
            return ""


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "").removeprefix("Hint: ")
