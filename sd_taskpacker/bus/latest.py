# SPDX-License-Identifier: LGPL-2.1-or-later
"""News of which only the latest counts, told no more often than anybody can follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Latest(Generic[_T]):
    """Tells the first one at once, then the latest after every `seconds` in which there was another one."""

    def __init__(self, tell: Callable[[_T], None], seconds: float) -> None:
        self._tell = tell
        self._seconds = seconds
        self._untold: list[_T] = []
        self._pause: asyncio.TimerHandle | None = None

    def give(self, news: _T) -> None:
        self._untold = [news]
        if self._pause is None:
            self._next()

    def _next(self) -> None:
        self._pause = None
        if self._untold:
            [news] = self._untold
            self._untold = []
            self._pause = asyncio.get_running_loop().call_later(self._seconds, self._next)
            self._tell(news)
