# SPDX-License-Identifier: LGPL-2.1-or-later
"""Large requests wait at a gate: only their header is read before it is known who sends them, and what for.

Decoding takes dbus-next up to a second per MiB. So it is done in a thread, and one message at a time: without a gate
any user could keep the service busy for as long as they like, with calls of a method that is not there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from dbus_next import Message

from sd_taskpacker.bus.faults import our_fault, unreadable
from sd_taskpacker.bus.framing import Frame, Undecodable, decode
from sd_taskpacker.errors import InvalidArgs, LimitExceeded, TaskpackerError

log = logging.getLogger(__name__)

LARGE: Final = 8 << 10
"""Bytes of a message from which on it waits; some 80 entries of BatchSubmit."""
MAX_WAITING: Final = 32
MAX_WAITING_OF_ONE: Final = 4
"""Of one sender: so that nobody takes all the places."""

Judge = Callable[[Message], Awaitable[TaskpackerError | None]]
"""Given a message without its body: why it is not read, or None."""


class Gate:
    """`handle` gets what was let through, decoded; `refuse` answers what was not."""

    def __init__(
        self, judge: Judge, handle: Callable[[Message], None], refuse: Callable[[bytes, TaskpackerError], None]
    ) -> None:
        self._judge = judge
        self._handle = handle
        self._refuse = refuse
        self._waiting: deque[tuple[Message, Frame]] = deque()
        self._work: asyncio.Task[None] | None = None

    def take(self, frame: Frame) -> None:
        try:
            header = decode(frame.head)
        except Undecodable as error:
            self._refuse(frame.head, InvalidArgs(f"the message cannot be read: {error}"))
            return
        same = sum(waiting.sender == header.sender for waiting, _ in self._waiting)
        if same >= MAX_WAITING_OF_ONE or len(self._waiting) >= MAX_WAITING:
            self._refuse(frame.head, LimitExceeded("too many large requests are waiting", hint="try again later"))
            return
        self._waiting.append((header, frame))
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._let_through())

    async def _let_through(self) -> None:
        while self._waiting:
            header, frame = self._waiting.popleft()
            error = await self._ask(header)
            if error is None:
                error = await self._read(frame)
            if error is not None:
                self._refuse(frame.head, error)
            # Whoever else has come meanwhile is served between two of them.
            await asyncio.sleep(0)

    async def _read(self, frame: Frame) -> TaskpackerError | None:
        try:
            message = await asyncio.to_thread(decode, frame.raw)
        except Undecodable as error:
            return unreadable(error)
        self._handle(message)
        return None

    async def _ask(self, header: Message) -> TaskpackerError | None:
        try:
            return await self._judge(header)
        except TaskpackerError as error:
            return error
        except Exception:  # Whatever it is, the caller gets an answer and the next one its turn.
            log.exception("Could not judge %s from %s", header.member, header.sender)
            return our_fault()
