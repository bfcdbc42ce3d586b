# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a wait is shown: as lines that stay, or on a terminal as a block that is drawn over."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.block import Block
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.happenings import Away, Back, Budget, Ended, Happening, Moved, TriedAgain, goes_on, sentence
from sd_taskpacker.cli.output import Output
from sd_taskpacker.cli.planview import outlook, view_of
from sd_taskpacker.cli.progress import Progress, lines
from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.cli.text import timestamp
from sd_taskpacker.errors import TaskpackerError

_FRAME_SEC: Final = 0.1
"""Between two drawings."""
_AGE_SEC: Final = 1.0
"""After which the times on the screen are old."""
_PLAN_SEC: Final = 5.0
"""Between two questions for the plan: of 20,000 tasks it takes the service half a second and has 5 MB."""


class Display:
    """Plain lines, for pipes, files and quiet people. With one task each of its steps is told, with more the ends."""

    def __init__(self, ids: Sequence[str], out: Output) -> None:
        self._out = out
        self._one = len(ids) == 1
        self._away = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def note(self, happening: Happening) -> None:
        match happening:
            case Moved(id=task_id, state=state, promised=int(promised)) if self._one:
                by = f"waits, to start by {timestamp(promised)}"
                self._out.talk(f"{task_id} {by if state == 'waiting' else 'has started'}")
            case Ended(task=task):
                self._out.talk(sentence(task))
            case TriedAgain(task=task, following=following):
                self._out.talk(f"{sentence(task)}; it is tried again as {following}")
            case Away(waiting=waiting, what=what):
                self._away = True
                self._out.talk(f"{what} went away; waiting until it is back. {goes_on(waiting)}")
            case Back() if self._away:
                self._away = False
                self._out.talk("sd-taskpacker is back.")
            case Moved() | Budget() | Back():
                pass


class LiveDisplay(Display):
    """A block below what is said. Of many tasks only failures are said; the block has the rest."""

    _FEW: Final = 10
    """So many ends may be told one by one."""

    def __init__(self, client: Client, ids: Sequence[str], out: Output) -> None:
        super().__init__(ids, out)
        place = terminal(sys.stderr)
        self._client = client
        self._unicode = place.unicode
        self._block = Block(sys.stderr, color=place.color)
        self._progress = Progress.of(ids, now())
        self._dirty = asyncio.Event()
        self._outdated = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        with suppress(TaskpackerError):  # Without gauges then, until they change.
            self._progress.note(Budget(await self._client.get_all()))
        self._dirty.set()
        self._outdated.set()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._dirty.set)
        self._tasks = [asyncio.create_task(each) for each in (self._keep_drawn(), self._keep_planned())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGWINCH)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._block.clear()
        if error is None and not self._one:
            self._out.talk(self._progress.summary(now()))

    def note(self, happening: Happening) -> None:
        self._progress.note(happening)
        self._dirty.set()
        if not isinstance(happening, Away | Back):
            self._outdated.set()
        match happening:
            case Ended(task=task) if task["state"] == "failed" or self._progress.total <= self._FEW:
                self._say(happening)
            case TriedAgain():
                self._say(happening)
            case _:
                pass  # In the block.

    def _say(self, happening: Happening) -> None:
        self._block.clear()
        super().note(happening)

    async def _keep_drawn(self) -> None:
        while True:
            columns, _ = self._block.size()
            self._block.draw(lines(self._progress, now(), columns, unicode=self._unicode))
            await asyncio.sleep(_FRAME_SEC)
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGE_SEC):
                    await self._dirty.wait()
            self._dirty.clear()

    async def _keep_planned(self) -> None:
        """The expected end, asked for when something changed, and seldom."""
        while True:
            await self._outdated.wait()
            self._outdated.clear()
            if not self._progress.away:
                with suppress(TaskpackerError):  # It stays as it was; the next change asks again.
                    plan = await self._client.get_plan("json")
                    self._progress.outlook = outlook(view_of(plan), self._progress.states)
                    self._dirty.set()
            await asyncio.sleep(_PLAN_SEC)


def display_for(client: Client, ids: Sequence[str], out: Output) -> Display:
    """Drawn over where that is possible and somebody looks."""
    if terminal(sys.stderr).live and not out.quiet:
        return LiveDisplay(client, ids, out)
    return Display(ids, out)
