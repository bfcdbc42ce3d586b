# SPDX-License-Identifier: LGPL-2.1-or-later
"""BatchTest, where very many may wait: each answer needs a plan of everything, which may take seconds.

So it is made of a snapshot, beside the turns and not within one, and one at a time; users take turns, and who asks
the same again before it is begun shares the answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sd_taskpacker.engine.manager import Trial
from sd_taskpacker.engine.trial import Draft
from sd_taskpacker.engine.wholeplan import WholePlans
from sd_taskpacker.errors import LimitExceeded
from sd_taskpacker.model.request import Caller, Request

MOST = 1_000
"""Different questions of one user that wait."""

Prepare = Callable[[], Awaitable[Draft]]
"""Takes the snapshot; called when it is this question's turn, so that those that wait hold none. May raise."""


@dataclass(frozen=True, slots=True)
class _Question:
    caller: Caller
    requests: Sequence[Request]
    prepare: Prepare
    answer: asyncio.Future[list[Trial]]


class Forecasts:
    def __init__(self, plans: WholePlans) -> None:
        self._plans = plans
        self._asked: OrderedDict[int, deque[_Question]] = OrderedDict()
        """By user; whose turn is next comes first."""
        self._answering: asyncio.Task[None] | None = None

    async def get(self, caller: Caller, requests: Sequence[Request], prepare: Prepare) -> list[Trial]:
        """Raises what `prepare` raises, and LimitExceeded when the user has too many questions open."""
        mine = self._asked.setdefault(caller.uid, deque())
        for each in mine:
            if each.caller == caller and each.requests == requests:
                return await asyncio.shield(each.answer)
        if len(mine) >= MOST:
            raise LimitExceeded(
                f"more than {MOST} forecasts for uid {caller.uid} are waited for",
                hint="ask when some have been answered, or put more into one call",
            )
        question = _Question(caller, requests, prepare, asyncio.get_running_loop().create_future())
        mine.append(question)
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())
        # Whoever goes away must not take it from the others.
        return await asyncio.shield(question.answer)

    async def _answer_all(self) -> None:
        try:
            while self._asked:
                user, questions = self._asked.popitem(last=False)
                question = questions.popleft()
                if questions:
                    self._asked[user] = questions
                await self._answer(question)
        finally:
            self._answering = None

    async def _answer(self, question: _Question) -> None:
        try:
            draft = await question.prepare()
            question.answer.set_result(draft.told(await self._plans.make(draft.snapshot)))
        except Exception as error:  # It is the error of who asked, and nobody else's.
            question.answer.set_exception(error)
            question.answer.exception()  # Nobody may be there any more to be told.
