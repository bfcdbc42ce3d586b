# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from sd_taskpacker.engine.events import Event, RootDecommissioned, TaskQueued, TaskStarted
from sd_taskpacker.engine.ports import StoreConflict, StoreError
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.turn import AT_ONCE, Decide, Decision, Follow, Input, Numbered, take_turn
from sd_taskpacker.errors import InvalidArgs, LimitExceeded, WrongState
from tests.engine.builders import NOW, at_once, state, task, waiting


class Commits(list[list[Event]]):
    def __init__(self, error: StoreError | None = None, *, once: bool = False) -> None:
        super().__init__()
        self.error = error
        self.once = once

    async def __call__(self, events: Sequence[Event]) -> list[int]:
        if error := self.error:
            self.error = None if self.once else error
            raise error
        self.append(list(events))
        return list(range(1, len(events) + 1))


def _input(answer: Any = None, *events: Event) -> Input:
    return Input(lambda now: Decision(events, answer), asyncio.get_running_loop().create_future())


async def _result(given: Input) -> Any:
    assert isinstance(given.reply, asyncio.Future)
    return await given.reply


async def breath() -> None:
    await asyncio.sleep(0)


def _then(*followed: Event) -> Follow:
    async def follow(events: Sequence[Event], now: int) -> AsyncIterator[Event]:
        for event in followed:
            yield event

    return follow


async def _turn(held: State, commits: Commits, *inputs: Input, follow: Follow | None = None) -> list[Numbered]:
    return await take_turn(held, inputs, NOW, think=at_once, breathe=breath, follow=follow or _then(), commit=commits)


async def test_all_inputs_of_a_turn_share_one_commit() -> None:
    held, commits = state(), Commits()
    first, second = TaskStarted(task("a")), TaskStarted(task("b"))
    assert await _turn(held, commits, _input(1, first), _input(2, second)) == [(1, first), (2, second)]
    assert commits == [[first, second]]


async def test_a_later_input_of_the_turn_sees_what_an_earlier_one_decided() -> None:
    held = state(chunks=4, cpus=4)
    seen = []

    def look(now: int) -> Decision:
        seen.append(held.slots())
        return Decision()

    await _turn(
        held,
        Commits(),
        _input(None, TaskStarted(task(chunks=4))),
        Input(look, asyncio.get_running_loop().create_future()),
    )
    assert seen == [(0, 0, 0, 0)]


async def test_without_events_nothing_is_committed() -> None:
    commits = Commits()
    given = _input("answer")
    assert await _turn(state(), commits, given) == []
    assert commits == []
    assert await _result(given) == "answer"


async def test_a_failed_commit_changes_nothing_and_says_so() -> None:
    held, question, order = state(), _input("answer"), _input(None, TaskStarted(task()), RootDecommissioned("job"))
    assert await _turn(held, Commits(StoreError("/state: disk full")), question, order) == []
    assert await _result(question) == "answer"
    with pytest.raises(LimitExceeded, match="disk full"):
        await _result(order)
    assert held.open_tasks() == []
    assert not held.is_decommissioned("job")


async def test_who_asks_for_a_task_that_is_there_fails_alone_and_its_number_is_left_out() -> None:
    there, other = TaskStarted(task("a", version="20261121.0")), TaskStarted(task("b"))
    held, first, second = state(), _input(1, there), _input(2, other)
    commits = Commits(StoreConflict(there.task.id), once=True)
    assert await _turn(held, commits, first, second) == [(1, other)]
    assert await _result(second) == 2
    with pytest.raises(WrongState, match="is there already"):
        await _result(first)
    assert held.open_tasks() == [other.task]
    assert held.serial("a") == ("20261121", 1)


async def test_a_conflict_that_nobody_asked_for_is_a_refusal() -> None:
    order = _input(None, RootDecommissioned("job"))
    follow = _then(TaskStarted(task()))
    assert await _turn(state(), Commits(StoreConflict(task().id)), order, follow=follow) == []
    with pytest.raises(LimitExceeded):
        await _result(order)


async def test_a_refused_input_hinders_no_other() -> None:
    def refuse(now: int) -> Decision:
        raise InvalidArgs("no")

    refused, fine = Input(refuse, asyncio.get_running_loop().create_future()), _input(1, TaskStarted(task()))
    assert len(await _turn(state(), Commits(), refused, fine)) == 1
    with pytest.raises(InvalidArgs):
        await _result(refused)
    assert await _result(fine) == 1


async def test_nothing_changes_while_a_long_decision_is_made() -> None:
    held, seen = state(), []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def think(decide: Decide, now: int) -> Decision:
        begun.set()
        await may_end.wait()
        seen.append(len(held.open_tasks()))
        return decide(now)

    long = Input(lambda now: Decision([TaskStarted(task("long"))]), asyncio.get_running_loop().create_future(), True)
    inputs = [_input(None, TaskStarted(task("a"))), long, _input(None, TaskStarted(task("b")))]
    turn = asyncio.create_task(
        take_turn(held, inputs, NOW, think=think, breathe=breath, follow=_then(), commit=Commits())
    )
    await begun.wait()
    may_end.set()
    assert [event.task.id.name for _, event in await turn if isinstance(event, TaskStarted)] == ["a", "long", "b"]
    assert seen == [1]


async def test_a_caller_that_went_away_does_not_undo_the_decision() -> None:
    held, gone = state(), _input(1, TaskStarted(task()))
    assert isinstance(gone.reply, asyncio.Future)
    gone.reply.cancel()
    await _turn(held, Commits(), gone)
    assert len(held.open_tasks()) == 1


async def test_what_follows_sees_all_that_was_decided_and_shares_the_commit() -> None:
    held, commits = state(), Commits()
    seen: list[int] = []

    async def follow(events: Sequence[Event], now: int) -> AsyncIterator[Event]:
        for name in ("x", "y"):
            seen.append(len(held.open_tasks()))
            yield TaskStarted(task(name))

    first, second = TaskStarted(task("a")), TaskStarted(task("b"))
    numbered = await _turn(held, commits, _input(None, first), _input(None, second), follow=follow)
    assert [number for number, _ in numbered] == [1, 2, 3, 4]
    assert sorted(one.id.name for one in held.open_tasks()) == ["a", "b", "x", "y"]
    assert seen == [2, 3]
    assert len(commits) == 1


async def test_what_follows_is_undone_with_the_rest() -> None:
    held = state()
    broken = Commits(StoreError("full"))
    assert await _turn(held, broken, follow=_then(TaskStarted(task("x")))) == []
    assert held.open_tasks() == []


async def test_a_turn_without_inputs_is_what_follows_alone() -> None:
    commits = Commits()
    assert len(await _turn(state(), commits, follow=_then(RootDecommissioned("job")))) == 1
    assert len(commits) == 1


async def test_who_only_looks_is_answered_while_thousands_are_taken_up() -> None:
    breaths: list[int] = []
    held = state()

    async def breathe() -> None:
        breaths.append(len(held.line))

    many = [TaskQueued(waiting("a", version=f"20261121.{number}")) for number in range(3 * AT_ONCE)]
    await take_turn(
        held, [_input(None, *many)], NOW, think=at_once, breathe=breathe, follow=_then(), commit=Commits()
    )
    assert breaths == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE]
