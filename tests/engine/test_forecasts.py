# SPDX-License-Identifier: LGPL-2.1-or-later
"""BatchTest where a plan takes long: nobody else waits for it."""

from __future__ import annotations

import asyncio

import pytest

from sd_taskpacker.engine import forecasts
from sd_taskpacker.errors import InvalidArgs, LimitExceeded
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, TODAY, request, unit
from tests.engine.daemon import Daemon, running
from tests.engine.test_wholeplan import Planner, planner

__all__ = ["planner"]

ANN = Caller(uid=1000, may_manage=False, may_submit=True)
BOB = Caller(uid=1001, may_manage=False, may_submit=True)


async def test_tasks_start_while_a_forecast_is_made(planner: Planner) -> None:
    async with running(Daemon(unit())) as daemon:
        planner.go_on.clear()
        asked = asyncio.create_task(daemon.desk.batch_test(ANN, [request()]))
        await daemon.sees(lambda: planner.count == 1)
        assert (await daemon.desk.batch_submit(ADMIN, [request()]))[0].started == (f"job@{TODAY}.0",)
        planner.go_on.set()
        (trial,) = await asked
        assert trial.forecast == "now"


async def test_the_same_question_is_answered_once_and_users_take_turns(planner: Planner) -> None:
    async with running(Daemon(unit())) as daemon:
        planner.go_on.clear()
        answered: list[str] = []

        async def ask(caller: Caller, name: str, count: int) -> None:
            await daemon.desk.batch_test(caller, [request()] * count)
            answered.append(name)

        first = asyncio.create_task(ask(ANN, "first", 1))
        await daemon.sees(lambda: planner.count == 1)
        more = [asyncio.create_task(ask(ANN, f"ann {count}", count)) for count in (2, 3, 3, 3)]
        await daemon.sees(lambda: len(daemon.desk._inquiries.forecasts._asked.get(1000, ())) == 2)
        bob = asyncio.create_task(ask(BOB, "bob", 1))
        await daemon.sees(lambda: 1001 in daemon.desk._inquiries.forecasts._asked)
        planner.go_on.set()
        await asyncio.gather(first, bob, *more)
        assert answered == ["first", "ann 2", "bob", "ann 3", "ann 3", "ann 3"]
        assert planner.count == 4


async def test_a_malformed_question_is_its_askers_error_and_the_next_is_answered(planner: Planner) -> None:
    async with running(Daemon(unit())) as daemon:
        with pytest.raises(InvalidArgs, match="request 1"):
            await daemon.desk.batch_test(ANN, [request(args={"nonsense": Value("s", "x")})])
        planner.fails = 1
        with pytest.raises(RuntimeError):
            await daemon.desk.batch_test(ANN, [request()])
        (trial,) = await daemon.desk.batch_test(ANN, [request()])
        assert trial.forecast == "now"


async def test_one_user_has_only_so_many_questions_open(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "MOST", 2)
    async with running(Daemon(unit())) as daemon:
        planner.go_on.clear()
        asked = [asyncio.create_task(daemon.desk.batch_test(ANN, [request()]))]
        await daemon.sees(lambda: planner.count == 1)
        asked += [asyncio.create_task(daemon.desk.batch_test(ANN, [request()] * count)) for count in (2, 3)]
        await daemon.sees(lambda: len(daemon.desk._inquiries.forecasts._asked.get(1000, ())) == 2)
        with pytest.raises(LimitExceeded, match="forecasts for uid 1000"):
            await daemon.desk.batch_test(ANN, [request()] * 4)
        planner.go_on.set()
        assert [len(trials) for trials in await asyncio.gather(*asked)] == [1, 2, 3]
