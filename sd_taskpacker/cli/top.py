# SPDX-License-Identifier: LGPL-2.1-or-later
"""`top`: the budget and the tasks, live. The bus is asked only after it has told of a change."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.news import (
    BatchEnded,
    BusLost,
    FiguresChanged,
    News,
    ServiceCame,
    ServiceGone,
    TaskChanged,
    TimeUp,
)
from sd_taskpacker.cli.canvas import plain
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.keys import Key
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.planview import view_of
from sd_taskpacker.cli.screen import Screen
from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.cli.topview import Board, Position, frame, once, page_size, row_count
from sd_taskpacker.errors import LimitExceeded, TaskpackerError
from sd_taskpacker.model.values import Value

_FRAME_SEC: Final = 0.5
"""Between two drawings, but for keys: those are answered at once."""
_TASKS_SEC: Final = 1.0
_PLAN_SEC: Final = 5.0
"""Between two questions, however much changes meanwhile."""


async def top(client: Client, options: Namespace, out: Output) -> int:
    """Until q, Ctrl-C or a signal. Where nothing can be drawn over: one frame. Raises Unreachable when the bus is
    lost."""
    news = await client.watch()
    live = Top(client, news)
    await live.ask_all()
    place = terminal(sys.stdout)
    if out.json is not Json.OFF:
        board = live.board
        waiting = [asdict(each) for each in board.upcoming]
        out.document({"properties": board.figures, "running": board.running, "waiting": waiting})
        return 0
    if not place.live:
        out.lines([plain(each) for each in once(live.board, now(), place.columns, unicode=place.unicode)])
        return 0
    return await live.run(color=place.color, unicode=place.unicode)


class Top:
    def __init__(self, client: Client, news: asyncio.Queue[News]) -> None:
        self._client = client
        self._news = news
        self.board = Board()
        self._position = Position()
        self._unicode = False
        self._over = False
        self._moved: set[str] = set()
        """What waits no longer, since the plan was asked for."""
        self._wake = asyncio.Event()
        self._tasks_changed = asyncio.Event()
        self._plan_changed = asyncio.Event()

    async def ask_all(self) -> None:
        """Raises TaskpackerError."""
        self.board.figures = await self._client.get_all()
        await self._ask_tasks()
        with suppress(LimitExceeded):  # Of so many tasks there is no plan to be had, but all the rest.
            await self._ask_plan()

    async def run(self, *, color: bool, unicode: bool) -> int:
        """The exit status: 0 after q, 128 + signal when one has ended it."""
        self._unicode = unicode
        work = [asyncio.create_task(each) for each in (self._listen(), self._keep_tasks(), self._keep_plan())]
        self._screen = Screen(sys.stdout, color=color, on_key=self._press, on_resize=self._wake.set)
        try:
            with self._screen:
                await self._keep_drawn(work[0])
        except asyncio.CancelledError:
            if self._screen.ended_by is None:
                raise
            return 128 + self._screen.ended_by
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        return 0

    async def _keep_drawn(self, listening: asyncio.Task[None]) -> None:
        """Until q. Raises what ended the listening."""
        while not self._over:
            columns, rows = self._screen.size()
            self.board.moved(self._moved)
            self._screen.draw(frame(self.board, self._position, now(), columns, rows, unicode=self._unicode))
            with suppress(TimeoutError):
                async with asyncio.timeout(_FRAME_SEC):
                    await self._wake.wait()
            self._wake.clear()
            if listening.done():
                await listening

    def _press(self, key: Key) -> None:
        if key is Key.QUIT:
            self._over = True
        columns, rows = self._screen.size()
        page = page_size(self.board, now(), columns, rows, unicode=self._unicode)
        self._position.press(key, page=page, rows=row_count(self.board))
        self._wake.set()

    async def _listen(self) -> None:
        while True:
            match await self._news.get():
                case FiguresChanged(changed=changed):
                    self.board.figures.update(changed)
                case TaskChanged(id=task_id, state=state):
                    if state != "waiting":
                        self._moved.add(task_id)
                    self._tasks_changed.set()
                    self._plan_changed.set()
                case ServiceGone():
                    self.board.away = True
                case ServiceCame():
                    self.board.away = False
                    with suppress(TaskpackerError):
                        self.board.figures = await self._client.get_all()
                    self._tasks_changed.set()
                    self._plan_changed.set()
                case BusLost():
                    self.board.away = True
                    self._wake.set()
                    await self._client.reconnect()
                    self._news.put_nowait(ServiceCame())
                case BatchEnded() | TimeUp():
                    pass  # TaskChanged says so, too.

    async def _keep_tasks(self) -> None:
        while True:
            await self._tasks_changed.wait()
            self._tasks_changed.clear()
            with suppress(TaskpackerError):
                await self._ask_tasks()
            await asyncio.sleep(_TASKS_SEC)

    async def _keep_plan(self) -> None:
        while True:
            await self._plan_changed.wait()
            self._plan_changed.clear()
            with suppress(TaskpackerError):
                await self._ask_plan()
            await asyncio.sleep(_PLAN_SEC)

    async def _ask_tasks(self) -> None:
        self.board.running = list(await self._client.list_tasks({"state": Value("as", ["running"])}))

    async def _ask_plan(self) -> None:
        self._moved.clear()
        self.board.plan(view_of(await self._client.get_plan("json")))
