# SPDX-License-Identifier: LGPL-2.1-or-later
"""Feeds systemd's watchdog while there is anything to do; a daemon that has nothing to do does not wake up for it.

Then the watchdog is put off for ever: WATCHDOG_USEC= of sd_notify(3), which starts it again, too. systemd counts from
the last WATCHDOG=1, so that both go in one message (service_notify_message, src/core/service.c).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sd_taskpacker.model.quantities import INFINITY

WITHOUT_WATCHDOG: Final = 30 * 1_000_000
"""Goes at the pace of such a one (usec)."""


class Heartbeat:
    """`watchdog_usec` is WatchdogSec=, 0 for none."""

    def __init__(
        self,
        watchdog_usec: int,
        notify: Callable[[str], object],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._usec = watchdog_usec
        self._notify = notify if watchdog_usec else lambda text: None
        self._pause = (watchdog_usec or WITHOUT_WATCHDOG) / 3_000_000
        self._sleep = sleep
        self._busy = asyncio.Event()

    def note(self, *, idle: bool) -> None:
        """`idle`: no task waits, runs or is still to be closed."""
        if idle:
            self._busy.clear()
        elif not self._busy.is_set():
            self._busy.set()

    async def pulse(self) -> None:
        """Until cancelled, as long as the event loop turns; threads may be as slow as the disk is."""
        while True:
            if self._busy.is_set():
                self._notify("WATCHDOG=1")
                await self.beat()
            else:
                self._notify(f"WATCHDOG_USEC={INFINITY}")
                await self._busy.wait()
                self._notify(f"WATCHDOG=1\nWATCHDOG_USEC={self._usec}")

    async def busy(self) -> None:
        """Returns when there is something to do."""
        await self._busy.wait()

    async def beat(self) -> bool:
        """Whether there is still something to do, a while later."""
        await self._sleep(self._pause)
        return self._busy.is_set()
