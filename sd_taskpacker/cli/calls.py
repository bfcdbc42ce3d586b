# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many requests in as few calls as the service and the bus let be. Each call is done whole or not at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, TypeVar

from sd_taskpacker.errors import SPLIT, LimitExceeded, TaskpackerError
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value

MAX_TASKS: Final = 10_000
"""In one call, fan-out counted: `tasks_per_call` in [limits] of taskpacker.toml, where nobody has lowered it."""
MAX_BYTES: Final = 8 << 20
"""Of one call, roughly counted: half of `mebibytes_per_call`, which counts the same. What the service reads of one
message is less, and where that is too little it says so."""

_REQUEST: Final = re.compile(r"\Arequest (\d+) \(.*?\)[:,] ")
"""How the service begins what it says of one request: `request 3 ('massif'): `."""

A = TypeVar("A")
E = TypeVar("E", bound=TaskpackerError)


@dataclass(frozen=True, slots=True)
class Placed:
    """A request, and where it was written: `jobs.txt:3`, or nothing for the command line."""

    request: Request
    place: str = ""


async def answered(
    placed: Sequence[Placed], ask: Callable[[Sequence[Request]], Awaitable[A]]
) -> AsyncIterator[tuple[Sequence[Placed], A]]:
    """Each call with its answer, as it comes. One that the service finds too large is asked for in halves. Raises
    TaskpackerError that names where the request was written; the calls before it are done then."""
    most = len(placed)
    for call in calls(placed):
        done = 0
        while done < len(call):
            part = call[done : done + most]
            try:
                answer = await ask([each.request for each in part])
            except TaskpackerError as error:
                if len(part) == 1 or not (isinstance(error, LimitExceeded) and error.hint.startswith(SPLIT)):
                    raise where_it_was_written(error, part) from None
                most = len(part) // 2
            else:
                done += len(part)
                yield part, answer


def calls(placed: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    """As few calls as the service and the bus let be; each of them is done whole or not at all."""
    call: list[Placed] = []
    tasks = size = 0
    for each in placed:
        more, bytes_ = _tasks(each.request), _size(each.request)
        if call and (tasks + more > MAX_TASKS or size + bytes_ > MAX_BYTES):
            yield call
            call, tasks, size = [], 0, 0
        call.append(each)
        tasks, size = tasks + more, size + bytes_
    if call:
        yield call


def _tasks(request: Request) -> int:
    return prod(len(each.data) for each in request.params.values() if each.signature.startswith("a"))


def _size(request: Request) -> int:
    """Bytes, with what D-Bus puts around each value: of the message, or of all its tasks, whose scalars repeat."""
    args = sum(_around(key) + len(str(value.data)) for key, value in request.args.items())
    sent = args + sum(_around(key) + len(str(value.data)) for key, value in request.params.items())
    task = args + sum(_around(key) + _longest(value) for key, value in request.params.items())
    return max(sent, _tasks(request) * task) + _around(request.unit)


def _around(key: str) -> int:
    return 64 + len(key)


def _longest(value: Value) -> int:
    """What one task gets of it."""
    if value.signature.startswith("a"):
        return max((len(str(each)) for each in value.data), default=0)
    return len(str(value.data))


def where_it_was_written(error: E, call: Sequence[Placed]) -> E:
    """The service counts the requests of a call; the author knows the lines, and of a single one needs no number."""
    match = _REQUEST.match(error.message)
    number = int(match[1]) if match else 0
    if match is None or not 0 < number <= len(call):
        return error
    one = call[number - 1]
    place = f"{one.place}: " if one.place else ""
    return type(error)(f"{place}{one.request.unit}: {error.message[match.end() :]}", hint=error.hint)
