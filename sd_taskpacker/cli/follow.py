# SPDX-License-Identifier: LGPL-2.1-or-later
"""The output of one task as it is written, while somebody waits for its end."""

from __future__ import annotations

import asyncio
import codecs
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.display import Display
from sd_taskpacker.cli.happenings import Ended, Happening, Moved, Task, TriedAgain
from sd_taskpacker.cli.output import Output
from sd_taskpacker.cli.tail import Tail
from sd_taskpacker.cli.text import escape
from sd_taskpacker.errors import TaskpackerError

LOOK_SEC: Final = 0.2
"""Between two looks at a file that does not grow."""


class Printer:
    """Bytes -> stdout, as they are or, `harmless`, without what would drive a terminal."""

    def __init__(self, out: Output, *, harmless: bool) -> None:
        self._out = out
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace") if harmless else None

    def print(self, data: bytes) -> None:
        if self._decoder is None:
            self._out.raw(data)
        else:
            self._out.raw(_harmless(self._decoder.decode(data)).encode())


def _harmless(text: str) -> str:
    return "\n".join("\t".join(map(escape, line.split("\t"))) for line in text.replace("\r\n", "\n").split("\n"))


class FollowDisplay(Display):
    """Tells on stderr what a wait for one task tells. Its output, and that of its next try, goes to stdout."""

    def __init__(
        self, client: Client, task_id: str, out: Output, *, harmless: bool = False, lines: int | None = None
    ):
        """`lines`: of what is there already, only the last so many."""
        super().__init__([task_id], out)
        self._client = client
        self._followed = task_id
        self._printer = Printer(out, harmless=harmless)
        self._lines = lines
        self._tail: Tail | None = None
        self._stream: asyncio.Task[None] | None = None
        self._waiter: asyncio.Task[object] | None = None
        self._unread: BrokenPipeError | None = None

    async def __aenter__(self) -> Self:
        self._waiter = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()
        if self._unread is not None:
            # It was us who cancelled the wait.
            if self._waiter is not None:
                self._waiter.uncancel()
            raise self._unread

    def note(self, happening: Happening) -> None:
        match happening:
            case Moved(id=self._followed, state="running") if self._stream is None:
                self._stream = asyncio.create_task(self._keep_printing(self._followed))
            case Ended(task=task) if task["id"] == self._followed:
                self._finish(task)
            case TriedAgain(task=task, following=following) if task["id"] == self._followed:
                self._finish(task)
                self._followed, self._lines = following, None
            case _:
                pass
        super().note(happening)

    async def _keep_printing(self, task_id: str) -> None:
        try:
            task = await self._client.get_task(task_id)
            tail = self._tail = self._open(task)
            while True:
                if not self._print(*tail.more()):
                    await asyncio.sleep(LOOK_SEC)
                else:
                    await asyncio.sleep(0)  # A task that writes without end must not keep us from hearing Ctrl-C.
        except BrokenPipeError as error:
            self._unread = error
            if self._waiter is not None:
                self._waiter.cancel()
        except TaskpackerError:
            self._stream = None  # The service has left; the task is looked at when it is back.

    def _finish(self, task: Task) -> None:
        """The end is told after the last byte was written: what is there now is all."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None
        if "started" in task:
            tail = self._tail or self._open(task)
            for data, wrong in tail.rest():
                self._print(data, wrong)
            tail.close()
        self._tail = None

    def _open(self, task: Task) -> Tail:
        return Tail(f"{task['directory']}/results/output.txt", lines=self._lines)

    def _print(self, data: bytes, wrong: str) -> bool:
        if wrong:
            self._out.warn(wrong)
        if data:
            self._printer.print(data)
        return bool(data)

    async def _stop(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            with suppress(asyncio.CancelledError):
                await self._stream
        if self._tail is not None:
            self._tail.close()
