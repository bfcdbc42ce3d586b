# SPDX-License-Identifier: LGPL-2.1-or-later
"""The owner of all state: one asyncio task that takes its inputs from one queue. Nothing here needs a lock.

Decide, remember, act: a turn decides everything that came in, commits it as one transaction, gives the replies,
and only then hands the events to whoever acts on them. While tasks wait it also takes turns by itself, when the
cycle asks for one.

What takes long where many wait is thought in a thread. The turn waits for it, so that nothing changes the state
meanwhile; whoever only looks is answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sd_taskpacker.engine.clockset import Clocks, follow_clock, slept, was_set_by
from sd_taskpacker.engine.cycle import REFRESH_USEC, Cycle
from sd_taskpacker.engine.events import Event
from sd_taskpacker.engine.memory import Memory
from sd_taskpacker.engine.ports import Budget, Store, StoreError
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.stuck import Stuck
from sd_taskpacker.engine.threads import in_thread
from sd_taskpacker.engine.trouble import STORE, Trouble
from sd_taskpacker.engine.turn import Decide, Decision, Input, Numbered, take_turn
from sd_taskpacker.errors import Internal
from sd_taskpacker.model.quantities import format_span

log = logging.getLogger(__name__)

_T = TypeVar("_T")

Act = Callable[[Sequence[Numbered]], None]

MOMENT: Final = 0.05
"""Seconds that what is not hurried waits for a turn to go with."""
ACTS_AT_ONCE: Final = 50
"""Events that are acted on before whoever only looks is answered."""
STORE_RETRY_SECONDS: Final = 5.0
"""While the store refuses."""


class Loop:
    """`clock` answers CLOCK_REALTIME in usec; it is read once per turn."""

    def __init__(self, state: State, store: Store, clock: Callable[[], int], *, boot_id: str) -> None:
        self.state = state
        self.clock = clock
        self.cycle = Cycle(state, boot_id, self._think)
        self.trouble = Trouble()
        self.stuck = Stuck()
        self._budget = state.budget
        self._memory = Memory(store, state, clock, self.trouble)
        self._thoughts = ThreadPoolExecutor(1, thread_name_prefix="plan")
        self._inputs: asyncio.Queue[Input] = asyncio.Queue()
        self._unhurried: list[Input] = []

    async def ask(self, decide: Decide, *, plans: bool = False, hurried: bool = True) -> Any:
        """The decision's answer, once its events are on disk. `plans`: it needs the planner, or is about thousands.
        Nobody waits for what is not `hurried`: it goes with the next turn, or has one of its own in a moment.
        Raises what `decide` raises, and LimitExceeded when the store cannot remember; then nothing was changed."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        given = Input(decide, reply, plans)
        if hurried:
            self._inputs.put_nowait(given)
        else:
            self._put_aside(given)
        return await reply

    def _put_aside(self, given: Input) -> None:
        if not self._unhurried:
            asyncio.get_running_loop().call_later(MOMENT, self._take_up)
        self._unhurried.append(given)

    def _take_up(self) -> None:
        for given in self._unhurried:
            self._inputs.put_nowait(given)
        self._unhurried.clear()

    async def begin_cycles(self) -> None:
        """What waits may start from now on, since what ran has been taken up; returns after the first look."""
        self.cycle.begin()
        await self.ask(lambda now: Decision())

    async def take_budget(self, budget: Budget) -> None:
        """What waits may find another place by it. Returns when that is decided."""
        self._budget = budget
        await self.ask(lambda now: Decision())

    async def follow_clock(self, before: Clocks, after: Clocks) -> None:
        """Two looks at the clocks; does nothing when nobody set them and the machine was awake between them.
        Raises LimitExceeded when the store cannot remember what follows; then nothing was changed."""
        by = was_set_by(before, after)
        if not by and not slept(before, after):
            return
        if by:
            log.warning("the clock was set %s by %s", "back" if by < 0 else "forward", format_span(abs(by)))
        since = after.real - (after.boot - before.boot)
        self.cycle.stir()
        await self.ask(lambda now: Decision(tuple(follow_clock(self.state, by, since=since, now=now)) if by else ()))

    async def recall(self, read: Callable[[Store], _T]) -> _T:
        """Reads from the store. Raises Internal, in the store's own words."""
        try:
            return await self._memory.recall(read)
        except StoreError as error:
            self._nudge()
            raise Internal(str(error)) from error

    async def run(self, act: Act) -> None:
        """Takes turns until cancelled."""
        while True:
            inputs = await self._wait()
            self._take_up()
            while not self._inputs.empty():
                inputs.append(self._inputs.get_nowait())
            if self.trouble.of(STORE) and await self._memory.mend():
                self.cycle.stir()
            if self.state.budget != self._budget:
                self.state.budget = self._budget
                self.cycle.stir()
            events = await take_turn(
                self.state,
                inputs,
                self.clock(),
                think=self._think,
                breathe=_breathe,
                follow=self._follow,
                commit=self._commit,
            )
            for first in range(0, len(events), ACTS_AT_ONCE):
                act(events[first : first + ACTS_AT_ONCE])
                await _breathe()

    async def _wait(self) -> list[Input]:
        """The next input, or none when the cycle's time has come first."""
        wake = self.cycle.wake
        pause = None if wake is None else min(max(0, wake - self.clock()), REFRESH_USEC) / 1_000_000
        if self.trouble.of(STORE):
            pause = STORE_RETRY_SECONDS if pause is None else min(STORE_RETRY_SECONDS, pause)
        try:
            async with asyncio.timeout(pause):
                return [await self._inputs.get()]
        except TimeoutError:
            return []

    async def _think(self, call: Callable[[int], _T], now: int) -> _T:
        return await in_thread(self._thoughts, call, now)

    async def _follow(self, events: Sequence[Event], now: int) -> AsyncIterator[Event]:
        try:
            async for event in self.cycle.follow(events, now):
                yield event
        except Exception:  # It has set its next time already; until then everything else goes on.
            log.exception("planning what waits failed; this is a bug")

    async def _commit(self, events: Sequence[Event]) -> Sequence[int]:
        try:
            return await self._memory.commit(events)
        except StoreError:
            self.cycle.put_off(self.clock())
            raise

    def _nudge(self) -> None:
        """Has a turn taken, should there be nothing else to do."""
        self._inputs.put_nowait(Input(lambda now: Decision(), asyncio.get_running_loop().create_future()))


async def _breathe() -> None:
    await asyncio.sleep(0)
