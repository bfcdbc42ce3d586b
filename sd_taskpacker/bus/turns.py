# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers take turns: of what many have sent, one call of each user is served, round and round.

The bus delivers in the order of arrival. So whoever sends thousands of calls, for which it takes no right, would have
everybody else wait until the last of them is answered; and the bus itself bounds only calls that want an answer. Here
calls wait undecoded, each user's in a line of its own; what one may have waiting, and under way, is bounded. By user
and not by connection, for anybody can open hundreds of those, or ever new ones; of one user, connections take turns.
"""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from dbus_next import Message

from sd_taskpacker.bus.framing import Frame
from sd_taskpacker.errors import AccessDenied, LimitExceeded, TaskpackerError

ROOM: Final = 32 << 20
"""Bytes of calls that wait, of all users."""
SHARE: Final = 8
"""One may fill so great a part of what is left: an eighth of all alone, and the less the more there are; so there is
always room for one more."""
UNDER_WAY: Final = 4
"""Calls of one user that have begun and are not answered yet; the others wait. Not of root, who can stop the daemon
anyway. Few: what they ask for is read and drawn in threads that all have in common."""
AT_ONCE: Final = 4
"""Calls that are served before the socket is looked at again: a few milliseconds."""
REMEMBERED: Final = 4_096
"""Connections whose user is known; the bus has 2,048 at a time."""
INTRODUCTIONS: Final = 8
"""Questions to the bus at a time who somebody is."""

_FRAME_BYTES: Final = 300
"""What a call takes up here beside its own bytes."""

Serve = Callable[[Frame], None]
Refuse = Callable[[bytes, TaskpackerError], None]


@dataclass(slots=True)
class _Line:
    """Of one user; or of one connection, as long as nobody knows whose it is."""

    calls: dict[str, deque[Frame]] = field(default_factory=dict)
    """By connection, the one whose turn it is first."""
    held: int = 0
    """Bytes."""
    under_way: int = 0

    def push(self, sender: str, frames: deque[Frame]) -> None:
        self.calls.setdefault(sender, deque()).extend(frames)
        self.held += sum(map(_size, frames))

    def pop(self) -> Frame:
        sender = next(iter(self.calls))
        frames = self.calls.pop(sender)
        frame = frames.popleft()
        self.held -= _size(frame)
        if frames:
            self.calls[sender] = frames  # As the last.
        return frame


class Turns:
    """`serve` gets what has its turn; `refuse` answers what has found no room. `user_of` asks the bus for the user
    behind a connection, and answers None for one that is gone."""

    def __init__(self, serve: Serve, refuse: Refuse, user_of: Callable[[str], Awaitable[int | None]]) -> None:
        self._serve = serve
        self._refuse = refuse
        self._user_of = user_of
        self._users: OrderedDict[str, int] = OrderedDict()
        self._strangers: dict[str, _Line] = {}
        self._lines: dict[int, _Line] = {}
        self._next: dict[int, None] = {}
        """Users of whom a call could be served now, in order."""
        self._room = ROOM
        self._introducing = asyncio.Semaphore(INTRODUCTIONS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_scheduled = False

    def take(self, frame: Frame) -> None:
        sender = frame.sender
        user = self._users.get(sender)
        line = self._strangers.get(sender) if user is None else self._lines.get(user)
        if (line.held if line else 0) + _size(frame) > self._room // SHARE:
            if frame.wants_answer:
                hint = "wait for answers before you call again"
                self._refuse(frame.head, LimitExceeded("too many of your calls wait here already", hint=hint))
            return
        self._room -= _size(frame)
        if user is not None:
            self._users.move_to_end(sender)
            self._put(user, sender, deque([frame]))
        elif line is not None:
            line.push(sender, deque([frame]))
        else:
            self._strangers[sender] = _Line()
            self._strangers[sender].push(sender, deque([frame]))
            task = asyncio.get_running_loop().create_task(self._introduce(sender))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def began(self, sender: str) -> Callable[[], None]:
        """A call that is not answered at once; what is returned is to be called when it is."""
        user = self._users.get(sender)
        if user is None:
            return lambda: None
        self._lines.setdefault(user, _Line()).under_way += 1
        return functools.partial(self._ended, user)

    def _ended(self, user: int) -> None:
        line = self._lines[user]
        line.under_way -= 1
        self._let(user, line)

    async def _introduce(self, sender: str) -> None:
        user = None
        try:
            async with self._introducing:
                user = await self._user_of(sender)
        finally:
            line = self._strangers.pop(sender)
            self._room += line.held
        if user is None:
            for frame in line.calls[sender]:
                if frame.wants_answer:  # Mostly nobody is left to hear it.
                    self._refuse(frame.head, AccessDenied("the bus does not tell who you are"))
            return
        self._users[sender] = user
        if len(self._users) > REMEMBERED:
            self._users.popitem(last=False)
        self._room -= line.held
        self._put(user, sender, line.calls[sender])

    def _put(self, user: int, sender: str, frames: deque[Frame]) -> None:
        line = self._lines.setdefault(user, _Line())
        line.push(sender, frames)
        self._let(user, line)

    def _let(self, user: int, line: _Line) -> None:
        """Has it served when its turn comes, if there is something that may be."""
        if line.calls and (user == 0 or line.under_way < UNDER_WAY):
            self._next.setdefault(user)
            self._schedule()
        elif not line.calls and not line.under_way:
            self._lines.pop(user, None)

    def _schedule(self) -> None:
        if self._next and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._go)

    def _go(self) -> None:
        self._is_scheduled = False
        for _ in range(min(AT_ONCE, len(self._next))):
            user = next(iter(self._next))
            del self._next[user]
            line = self._lines[user]
            frame = line.pop()
            self._room += _size(frame)
            self._serve(frame)
            self._let(user, line)
        self._schedule()


def _size(frame: Frame) -> int:
    return len(frame.raw) + _FRAME_BYTES


class Answering:
    """dbus-next enters it when a method that takes time has come to its end, and answers by it."""

    def __init__(self, answer: Any, over: Callable[[], None]) -> None:
        self._answer = answer
        self._over = over

    def __enter__(self) -> Any:
        return self._answer.__enter__()

    def __exit__(self, *error: Any) -> Any:
        self._over()
        return self._answer.__exit__(*error)

    def __call__(self, reply: Message) -> None:
        self._answer(reply)
