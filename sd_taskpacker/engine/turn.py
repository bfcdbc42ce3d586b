# SPDX-License-Identifier: LGPL-2.1-or-later
"""One turn of the loop: every input that came in meanwhile is decided, then all of it is remembered at once.

An input is a function of `now` that answers a Decision or raises. Its events change the state at once, so that
the next input of the turn sees them, and are undone when the store cannot remember them. What follows from all of
them together (engine.cycle) is decided last, and is part of the same commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sd_taskpacker.engine.events import Event, TaskFound, TaskQueued, TaskStarted
from sd_taskpacker.engine.ports import StoreConflict, StoreError
from sd_taskpacker.engine.state import State, Undo
from sd_taskpacker.errors import LimitExceeded, WrongState
from sd_taskpacker.model.names import TaskId


@dataclass(frozen=True, slots=True)
class Decision:
    events: Sequence[Event] = ()
    answer: Any = None


Decide = Callable[[int], Decision]
"""Given `now` (usec). Changes nothing itself."""

Think = Callable[[Decide, int], Awaitable[Decision]]
"""Has a decision made that may take long. Nothing changes the state meanwhile, for the turn waits."""

Follow = Callable[[Sequence[Event], int], AsyncIterator[Event]]
"""Given the turn's events and `now`. Must not raise; each event is applied before the next one is asked for."""

Breathe = Callable[[], Awaitable[None]]
"""Lets whoever only looks have an answer meanwhile. Nothing changes the state, for the turn waits."""

Commit = Callable[[Sequence[Event]], Awaitable[Sequence[int]]]
"""Answers the events' sequence numbers. Raises StoreError."""

AT_ONCE: Final = 200
"""Events that are applied without a breath."""

Numbered = tuple[int, Event]
"""An event that is remembered, with its sequence number."""


class Reply(Protocol):
    """An asyncio.Future, as far as a turn needs it."""

    def done(self) -> bool: ...

    def set_result(self, result: Any, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Input:
    decide: Decide
    reply: Reply
    plans: bool = False
    """The decision takes the longer the more wait."""

    def answer(self, result: Any) -> None:
        # Whoever asked may have gone away meanwhile; what was decided stands all the same.
        if not self.reply.done():
            self.reply.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


async def take_turn(
    state: State,
    inputs: Sequence[Input],
    now: int,
    *,
    think: Think,
    breathe: Breathe,
    follow: Follow,
    commit: Commit,
) -> list[Numbered]:
    """Answers the events that are remembered now; every input has its reply by then."""
    while True:
        decided: list[tuple[Input, Decision]] = []
        try:
            return await _attempt(
                state, inputs, now, decided, think=think, breathe=breathe, follow=follow, commit=commit
            )
        except StoreConflict as error:
            state.skip(error.task_id)
            inputs = _without_the_cause(decided, error)


def _refuse(decided: Sequence[tuple[Input, Decision]], error: StoreError) -> None:
    for given, decision in decided:
        if decision.events:
            given.fail(LimitExceeded(f"nothing was done: {error}"))
        else:
            given.answer(decision.answer)


def _without_the_cause(decided: Sequence[tuple[Input, Decision]], conflict: StoreConflict) -> list[Input]:
    """Of the inputs that were decided, those that are to be decided again."""
    again = []
    for given, decision in decided:
        if any(_is_new(event, conflict.task_id) for event in decision.events):
            given.fail(WrongState(f"nothing was done: {conflict}", hint="ask again; its number is now left out"))
        else:
            again.append(given)
    return again


def _is_theirs(decided: Sequence[tuple[Input, Decision]], task_id: TaskId) -> bool:
    return any(_is_new(event, task_id) for _, decision in decided for event in decision.events)


def _is_new(event: Event, task_id: TaskId) -> bool:
    return isinstance(event, TaskQueued | TaskStarted | TaskFound) and event.task.id == task_id


async def _attempt(
    state: State,
    inputs: Sequence[Input],
    now: int,
    decided: list[tuple[Input, Decision]],
    *,
    think: Think,
    breathe: Breathe,
    follow: Follow,
    commit: Commit,
) -> list[Numbered]:
    """Raises StoreConflict when an input in `decided`, which is filled here, asks for a task that is there; then
    nothing was changed, and those in `decided` have no reply."""
    events: list[Event] = []
    undos: list[Undo] = []
    for given in inputs:
        try:
            decision = await think(given.decide, now) if given.plans else given.decide(now)
        except Exception as error:  # A bug in one decision is that caller's error and nobody else's.
            given.fail(error)
            continue
        for event in decision.events:
            undos.append(state.apply(event))
            if len(undos) % AT_ONCE == 0:
                await breathe()
        events += decision.events
        decided.append((given, decision))
    async for event in follow(tuple(events), now):
        undos.append(state.apply(event))
        events.append(event)
        if len(undos) % AT_ONCE == 0:
            await breathe()
    try:
        numbers = await commit(events) if events else ()
    except StoreError as error:
        for undo in reversed(undos):
            undo()
        if isinstance(error, StoreConflict) and _is_theirs(decided, error.task_id):
            raise
        _refuse(decided, error)
        return []
    for given, decision in decided:
        given.answer(decision.answer)
    return list(zip(numbers, events, strict=True))
