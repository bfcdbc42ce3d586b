# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whose call is served when many send at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sd_taskpacker.bus import turns
from sd_taskpacker.bus.framing import Frame
from sd_taskpacker.bus.turns import ROOM, SHARE, UNDER_WAY, Turns
from sd_taskpacker.errors import TaskpackerError
from tests.bus.private_bus import a_call


class Situation:
    """Connections are called USER.NUMBER; a user below 0 has left."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.refused: list[TaskpackerError] = []
        self.turns = Turns(self._serve, lambda head, error: self.refused.append(error), self._user_of)
        self.over: list[Callable[[], None]] = []
        self.lasts = False

    def _serve(self, frame: Frame) -> None:
        self.served.append(frame.sender)
        if self.lasts:
            self.over.append(self.turns.began(frame.sender))

    async def _user_of(self, sender: str) -> int | None:
        user = int(sender.partition(".")[0])
        return user if user >= 0 else None

    def send(self, *senders: str) -> None:
        for sender in senders:
            self.turns.take(a_call(sender))

    async def settle(self) -> None:
        """Until nobody has a turn any more."""
        before = -1
        while before != len(self.served) or self.turns._tasks:
            before = len(self.served)
            for _ in range(3):
                await asyncio.sleep(0)


@pytest.fixture
async def at() -> Situation:
    return Situation()


async def test_a_thousand_calls_of_one_user_keep_nobody_else_waiting(at: Situation) -> None:
    at.send(*["1.1"] * 1_000, "2.1", "2.1")
    await at.settle()
    assert len(at.served) == 1_002
    assert at.served.index("2.1") <= 2
    assert at.served[:10].count("2.1") == 2


async def test_many_connections_of_one_user_have_one_turn_and_share_it(at: Situation) -> None:
    flood = [f"1.{number}" for number in range(100)]
    at.send(*flood, *flood, "2.1", "2.1")
    await at.settle()
    assert max(number for number, sender in enumerate(at.served) if sender == "2.1") <= 20
    assert [sender for sender in at.served if sender != "2.1"] == flood + flood


async def test_calls_of_one_connection_stay_in_order() -> None:
    texts: list[bytes] = []
    order = Turns(lambda frame: texts.append(frame.raw[-3:]), lambda *_: None, Situation()._user_of)
    expected = [a_call("1.1", text).raw[-3:] for text in "abcdefghijkl"]
    for text in "abcdefghijkl":
        order.take(a_call("1.1", text))
    for _ in range(30):
        await asyncio.sleep(0)
    assert texts == expected


async def test_one_user_has_so_many_under_way_and_the_next_begins_when_one_is_answered(at: Situation) -> None:
    at.lasts = True
    at.send(*["1.1"] * UNDER_WAY, "1.2", "1.2", "2.1")
    await at.settle()
    assert sorted(at.served).count("2.1") == 1
    assert len(at.served) == UNDER_WAY + 1
    at.over[0]()
    await at.settle()
    assert len(at.served) == UNDER_WAY + 2


async def test_more_than_ones_share_is_refused_and_others_find_room(
    at: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "UNDER_WAY", 0)  # So that nothing is served.
    large = "x" * 100_000
    for _ in range(ROOM // SHARE // 100_000 + 1):
        at.turns.take(a_call("1.1", large))
        at.turns.take(a_call("1.2", large, silent=True))
        await at.settle()
    assert at.refused
    assert {error.bus_name().rpartition(".")[2] for error in at.refused} == {"LimitExceeded"}
    refused = len(at.refused)
    at.turns.take(a_call("1.3", large, silent=True))
    assert len(at.refused) == refused  # It wants no answer.
    at.turns.take(a_call("2.1", large))
    await at.settle()
    assert len(at.refused) == refused


async def test_what_somebody_sent_who_has_left_is_forgotten(at: Situation) -> None:
    at.send(*["-1.1"] * 100, "2.1")
    await at.settle()
    assert at.served == ["2.1"]
    assert at.turns._room == ROOM


async def test_all_room_is_free_again_when_all_is_served(at: Situation) -> None:
    at.send(*[f"{number % 3}.{number % 7}" for number in range(100)])
    await at.settle()
    assert at.turns._room == ROOM
    assert not at.turns._lines
