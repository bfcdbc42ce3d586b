# SPDX-License-Identifier: LGPL-2.1-or-later
"""SetTaskProperties: what a waiting task becomes. It is planned as if it had come new, at its own place in line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from sd_taskpacker.engine.line import candidate
from sd_taskpacker.engine.rights import must_manage
from sd_taskpacker.engine.state import State
from sd_taskpacker.errors import InvalidArgs
from sd_taskpacker.model.args import parse_args
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import INT_SIGNATURES, Value
from sd_taskpacker.plan.reasons import too_large
from sd_taskpacker.plan.snapshot import Verdict

KEYS: Final = ("priority", "deadline", "size")


def altered(state: State, task: Task, properties: Mapping[str, Value], caller: Caller, now: int) -> Task:
    """A deadline of "" or 0 takes the deadline away. Raises InvalidArgs that names the key, and AccessDenied where a
    submitter wants to go before others."""
    for key in properties:
        if key not in KEYS:
            raise InvalidArgs(f"unknown key {excerpt(key)} in properties", hint=f"set {', '.join(KEYS)}")
    without_deadline = _is_none(properties.get("deadline"))
    given = {key: value for key, value in properties.items() if not (key == "deadline" and without_deadline)}
    args = parse_args(given, Kind.BATCH, now, part="properties")
    deadline = None if without_deadline else task.deadline_usec
    wanted = dataclasses.replace(
        task,
        priority=task.priority if args.priority is None else args.priority,
        deadline_usec=deadline if args.deadline_usec is None else args.deadline_usec,
        chunks=task.chunks if args.chunks is None else args.chunks,
    )
    if wanted == task:
        return task
    if wanted.priority > task.priority:
        must_manage(caller)
    wanted = dataclasses.replace(wanted, promised_usec=None)
    _check_size(state, wanted, given="size" in properties)
    if "deadline" in given:
        _check_deadline(state, wanted, now)
    return wanted


def _is_none(deadline: Value | None) -> bool:
    """Whether it takes the deadline away: an empty span, or no time at all."""
    if deadline is None:
        return False
    empty = deadline.signature == "s" and not deadline.data.strip()
    return empty or (deadline.signature in INT_SIGNATURES and deadline.data == 0)


def goes_before(task: Task, properties: Mapping[str, Value]) -> bool:
    """Whether a higher priority is asked for; a malformed one is left to `altered`."""
    priority = properties.get("priority")
    return priority is not None and priority.signature in INT_SIGNATURES and priority.data > task.priority


def _check_size(state: State, wanted: Task, *, given: bool) -> None:
    reasons = too_large(wanted.claims, state.capacity()) if given else ()
    if reasons:
        raise InvalidArgs(f"properties key 'size': {reasons[0].text}", hint="a smaller one can run")


def _check_deadline(state: State, wanted: Task, now: int) -> None:
    key = str(wanted.id)
    name = wanted.id.name
    new = candidate(wanted, key=key, expected=state.expected(name), learnt=state.has_learnt(name))
    reasons = () if wanted.runs_late else state.starts(now, [new], without=key).unplaced.get(key, ())
    for reason in reasons:
        if reason.verdict is Verdict.DEADLINE:
            raise InvalidArgs(f"properties key 'deadline': {reason.text}", hint="a later one can be met")
