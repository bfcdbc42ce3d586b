# SPDX-License-Identifier: LGPL-2.1-or-later
"""`logs`: what a task wrote, and what the journal says about it.

The output file holds what was written and no times, so the header has its age; journal entries have theirs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from collections import deque
from contextlib import suppress
from dataclasses import asdict

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.news import ServiceCame
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.follow import FollowDisplay, Printer
from sd_taskpacker.cli.happenings import Task, sentence
from sd_taskpacker.cli.journal import Entry, JournalUnreadable, entries
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.states import ENDED
from sd_taskpacker.cli.tail import Tail
from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.cli.text import timestamp
from sd_taskpacker.cli.wait import happenings
from sd_taskpacker.drawing.words import relative

_FOLLOWED_LINES = 10
"""Of what is there already, as tail(1) and journalctl(1) with -f."""


async def logs(client: Client, options: Namespace, out: Output) -> int:
    task = await client.get_task(options.id)
    if options.follow and options.lines is None:
        options.lines = _FOLLOWED_LINES
    if options.follow and task["state"] not in ENDED:
        return await _follow(client, task, options, out)
    kept = await _told(task, options, out)
    if out.json is not Json.OFF:
        output = b"".join(data for data, _ in _tail(task, options.lines).rest()) if "started" in task else b""
        text = output.decode(errors="backslashreplace")
        out.document({"task": task, "output": text.splitlines(), "journal": [asdict(each) for each in kept]})
        return 0
    _head(out, _header(task))
    _print_output(task, options, out)
    if kept:
        _head(out, f"Journal of {task['id']}")
        out.lines([_entry(each, now()) for each in kept])
    return 0


def _print_output(task: Task, options: Namespace, out: Output) -> None:
    if "started" not in task:
        out.talk(f"{task['id']} has never run, so it has written nothing.")
        return
    _head(out, _about_file(f"{task['directory']}/results/output.txt", now()))
    printer = Printer(out, harmless=terminal(sys.stdout).live)
    last = b"\n"
    for data, wrong in _tail(task, options.lines).rest():
        if wrong:
            out.warn(wrong)
        if data:
            printer.print(data)
            last = data
    if not last.endswith(b"\n"):
        out.lines([""])


async def _told(task: Task, options: Namespace, out: Output) -> list[Entry]:
    """The last entries; what cannot be read is said, and what can is shown."""
    found: deque[Entry] = deque(maxlen=options.lines)
    try:
        async for each in entries(task, user=options.user):
            found.append(each)
    except JournalUnreadable as error:
        out.talk(f"Of the journal not all can be shown: {error}")
    return list(found)


async def _follow(client: Client, task: Task, options: Namespace, out: Output) -> int:
    """Until its end, or that of its last try. Ctrl-C is the usual way out before."""
    news = await client.watch()
    # As if the service had just come: the task is looked at, for it may have ended before the watch began.
    news.put_nowait(ServiceCame())
    _head(out, _header(task))
    display = FollowDisplay(client, task["id"], out, harmless=terminal(sys.stdout).live, lines=options.lines)
    journal = asyncio.create_task(_follow_journal(task, options, out))
    try:
        async with display:
            async for each in happenings(client, news, {task["id"]: None}):
                display.note(each)
    finally:
        journal.cancel()
        with suppress(asyncio.CancelledError):
            await journal
    return 0


async def _follow_journal(task: Task, options: Namespace, out: Output) -> None:
    try:
        async for each in entries(task, user=options.user, follow=True):
            out.talk(_entry(each, now()))
    except JournalUnreadable as error:
        out.talk(f"The journal cannot be followed: {error}")


def _tail(task: Task, lines: int | None) -> Tail:
    return Tail(f"{task['directory']}/results/output.txt", lines=lines)


def _head(out: Output, text: str) -> None:
    if out.legend and not out.quiet:
        out.lines([f"-- {text} --"])


def _header(task: Task) -> str:
    """`massif@1 failed: exit-code, status 3; ended Sat 2026-11-21 14:00:23 UTC, 5min ago`"""
    for key in ("ended", "started", "submitted"):
        if key in task:
            return f"{sentence(task)}; {key} {timestamp(task[key])}, {relative(task[key], now())}"
    return sentence(task)


def _about_file(path: str, at: int) -> str:
    try:
        found = os.lstat(path)
    except OSError:
        return path  # Why it cannot be read is said where it is read.
    return f"{path}: {found.st_size:,} bytes, last written {relative(found.st_mtime_ns // 1000, at)}"


def _entry(entry: Entry, at: int) -> str:
    return f"{timestamp(entry.time)} ({relative(entry.time, at)}) {entry.source}: {entry.message}"
