# SPDX-License-Identifier: LGPL-2.1-or-later
"""`submit` and `start`: ids on stdout as soon as they are known, talk on stderr."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.wait import wait_for
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

NO_ROOM: Final = 75

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
    # Watched before it is asked for: a short task ends before the answer has been read.
    news = await client.watch() if options.wait else None
    with _told_when_interrupted(out):
        (answer,) = await client.batch_submit([request(options)])
    _report(out, answer.started, answer.rejected)
    status = 0
    if news and answer.started:
        status = await wait_for(client, news, answer.started, Kind.BATCH, out, alone=not answer.rejected)
    return status or (NO_ROOM if answer.rejected else 0)


async def start(client: Client, options: Namespace, out: Output) -> int:
    news = await client.watch() if options.wait else None
    with _told_when_interrupted(out):
        ids = await client.workorder_start([request(options)])
    _report(out, ids, ())
    return await wait_for(client, news, ids, Kind.WORKORDER, out, alone=True) if news else 0


@contextmanager
def _told_when_interrupted(out: Output) -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        out.warn("Interrupted before the answer came; taskpackerctl list shows whether anything was started.")
        raise


def _report(out: Output, started: Sequence[str], rejected: Sequence[str]) -> None:
    if out.json is not Json.OFF:
        out.document({"started": list(started), "rejected": list(rejected)})
    else:
        out.lines(started)
    for name in rejected:
        out.warn(f"No room now for {name}; submit it again when something has ended.")


def request(options: Namespace) -> Request:
    """Parameters go as text: the unit's [Parameter] sections know their types. A repeated one becomes an array."""
    args = {
        key: Value(signature, getattr(options, option))
        for option, (key, signature) in _ARGS.items()
        if getattr(options, option, None) is not None
    }
    if options.arg:
        args["argv"] = Value("as", options.arg)
    return Request(options.unit, args, _params(options.params))


def _params(assignments: Sequence[tuple[str, str]]) -> dict[str, Value]:
    given: dict[str, list[str]] = {}
    for name, text in assignments:
        given.setdefault(name, []).append(text)
    return {name: Value("as", texts) if len(texts) > 1 else Value("s", texts[0]) for name, texts in given.items()}
