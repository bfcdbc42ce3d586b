# SPDX-License-Identifier: LGPL-2.1-or-later
"""`submit` and `start`: ids on stdout as soon as they are known, talk on stderr."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.news import News
from sd_taskpacker.bus.replies import Forecast
from sd_taskpacker.cli.bulk import from_json, from_lines, params, read
from sd_taskpacker.cli.calls import Placed, answered
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.statuses import NO_ROOM
from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.cli.text import timestamp
from sd_taskpacker.errors import InvalidArgs, TaskpackerError
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value

FEW: Final = 20
"""Requests of which it is asked why they were refused."""

_ARGS: Final = {
    "priority": ("priority", "u"),
    "deadline": ("deadline", "s"),
    "size": ("size", "s"),
    "cpus": ("cpus", "u"),
    "expected": ("expected", "t"),
    "task_version": ("version", "s"),
    "tag": ("tag", "s"),
}
"""Option -> key in `args` and its signature."""


async def submit(client: Client, options: Namespace, out: Output) -> int:
    if options.dry_run:
        return await _try(client, options, out)
    placed = _placed(options)
    # Watched before it is asked for: a short task ends before the answer has been read.
    _check_follow(options)
    news = await client.watch() if options.wait or options.follow else None
    accepted, rejected = await _ask(client, placed, options, out)
    if out.json is not Json.OFF:
        out.document({"started" if options.now else "accepted": accepted, "rejected": rejected})
    if options.now:
        _tell_no_room_now(out, rejected, drained=await _drained(client, rejected))
    else:
        _tell_refused(out, rejected, await _reasons(client, placed) if rejected else {})
    status = 0
    if news and accepted:
        status = await _wait(client, news, accepted, options, out, alone=not rejected)
    return status or (NO_ROOM if rejected else 0)


async def _ask(
    client: Client, placed: Sequence[Placed], options: Namespace, out: Output
) -> tuple[list[str], list[str]]:
    """Who fails in a later call is told what the earlier ones did."""
    ask = client.batch_submit if options.now else client.batch_queue
    accepted, rejected, done = list[str](), list[str](), 0
    try:
        with _told_when_interrupted(out):
            async for call, answers in answered(placed, ask):
                ids = [task_id for answer in answers for task_id in answer.accepted]
                if out.json is Json.OFF:
                    out.lines(ids)
                accepted += ids
                rejected += [name for answer in answers for name in answer.rejected]
                done += len(call)
    except TaskpackerError:
        if done:
            out.warn(f"The first {done} of {len(placed)} requests were submitted; from here on nothing was:")
        raise
    return accepted, rejected


async def _drained(client: Client, rejected: Sequence[str]) -> bool:
    """Whether that is why. False where it cannot be known: what was asked for is done, and that is what counts."""
    with suppress(TaskpackerError):
        return bool(rejected) and bool((await client.get_all())["Draining"])
    return False


def _placed(options: Namespace) -> list[Placed]:
    """What the command line asks for, or the file it names. Raises InvalidArgs naming the line."""
    common = request(options)
    source = options.each_line or options.from_json
    if source is None:
        return [Placed(common)]
    text, shown = read(source), "stdin" if source == "-" else source
    return from_lines(text, shown, common) if options.each_line else from_json(text, shown, common)


async def _try(client: Client, options: Namespace, out: Output) -> int:
    """What the same without --dry-run would do, and its exit status."""
    forecasts: list[Forecast] = []
    async for _, answer in answered(_placed(options), client.batch_test):
        forecasts += answer
    if out.json is not Json.OFF:
        out.document([asdict(each) for each in forecasts])
    elif len(forecasts) == 1 and terminal(sys.stdout).live:
        # As a table it would be too wide, and what it was asked for would be cut.
        (one,) = forecasts
        start = "Start by" if one.verdict == "later" else "Start"
        out.fields((("Name", one.name), ("Verdict", one.verdict), (start, _start(one)), ("Reason", one.text)))
    else:
        rows = [(each.name, each.verdict, _start(each), each.code, each.text) for each in forecasts]
        out.table(("NAME", "VERDICT", "START", "CODE", "REASON"), rows, paint="VERDICT")
    wanted = ("now",) if options.now else ("now", "later")
    return 0 if all(each.verdict in wanted for each in forecasts) else NO_ROOM


def _start(forecast: Forecast) -> str:
    return timestamp(forecast.start) if forecast.start else "-"


async def start(client: Client, options: Namespace, out: Output) -> int:
    _check_follow(options)
    news = await client.watch() if options.wait or options.follow else None
    with _told_when_interrupted(out):
        ids = await client.workorder_start([request(options)])
    if out.json is not Json.OFF:
        out.document({"started": ids, "rejected": []})
    else:
        out.lines(ids)
    return await _wait(client, news, ids, options, out, alone=True) if news else 0


async def _wait(
    client: Client, news: asyncio.Queue[News], ids: Sequence[str], options: Namespace, out: Output, *, alone: bool
) -> int:
    # Imported when needed: most submissions do not wait, and these draw.
    from sd_taskpacker.cli.follow import FollowDisplay
    from sd_taskpacker.cli.wait import wait_for

    display = FollowDisplay(client, ids[0], out) if options.follow else None
    return await wait_for(client, news, ids, out, alone=alone, display=display)


def _check_follow(options: Namespace) -> None:
    """Raises InvalidArgs before anything was asked for, as it would run all the same."""
    names = [name for name, _ in options.params]
    several = next((name for name in names if names.count(name) > 1), None)
    if getattr(options, "each_line", None) or getattr(options, "from_json", None):
        several = "a file of them"
    if options.follow and several:
        hint = "submit without --follow, and then: taskpackerctl logs -f ID"
        raise InvalidArgs(f"--follow shows the output of one task, and {several} makes several", hint=hint)


@contextmanager
def _told_when_interrupted(out: Output) -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        out.interrupted("Interrupted before the answer came; taskpackerctl list shows whether anything was accepted.")
        raise


def _tell_no_room_now(out: Output, names: Sequence[str], *, drained: bool) -> None:
    if drained:
        problem = "sd-taskpacker is drained and starts nothing, so not {}"
        hint = "taskpackerctl resume lets tasks start again; without --now it waits until then"
    else:
        problem, hint = "No room now for {}", "without --now it waits, if there can ever be room"
    for name in names:
        out.warn(problem.format(name))
    if names:
        out.warn(f"Hint: {hint}")


async def _reasons(client: Client, placed: Sequence[Placed]) -> dict[str, str]:
    """Why each can never run, by name, as far as that can be known: what was asked for is done, and the answer to it
    has names only. Of very many one is like the other, and nobody reads them all."""
    with suppress(TaskpackerError):
        forecasts = await client.batch_test([each.request for each in placed[:FEW]])
        return {each.name: each.text for each in forecasts if each.verdict == "never"}
    return {}


def _tell_refused(out: Output, names: Sequence[str], reasons: Mapping[str, str]) -> None:
    for name in names:
        out.warn(
            f"Not accepted: {name}: {reasons[name]}" if name in reasons else f"No room for {name}, not even later"
        )
    if any(name not in reasons for name in names):
        out.warn("Hint: the same with --dry-run says why")


def request(options: Namespace) -> Request:
    """Parameters go as text: the unit's [Parameter] sections know their types. A repeated one becomes an array."""
    args = {
        key: Value(signature, getattr(options, option))
        for option, (key, signature) in _ARGS.items()
        if getattr(options, option, None) is not None
    }
    if options.arg:
        args["argv"] = Value("as", options.arg)
    return Request(options.unit or "", args, params(options.params))
