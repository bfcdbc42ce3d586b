# SPDX-License-Identifier: LGPL-2.1-or-later
"""News of which only the latest counts, told no more often than anybody can follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

Later = Callable[[float, Callable[[], None]], object]
"""Calls it so many seconds later."""


def call_later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


class Latest(Generic[_T]):
    """Tells the first one at once, then the latest after every `seconds` in which there was another one."""

    def __init__(self, tell: Callable[[_T], None], seconds: float, later: Later = call_later) -> None:
        self._tell = tell
        self._seconds = seconds
        self._untold: list[_T] = []
        self._later = later
        self._pausing = False

    def give(self, news: _T) -> None:
        self._untold = [news]
        if not self._pausing:
            self._next()

    def _next(self) -> None:
        self._pausing = False
        if self._untold:
            [news] = self._untold
            self._untold = []
            self._pausing = True
            self._later(self._seconds, self._next)
            self._tell(news)
