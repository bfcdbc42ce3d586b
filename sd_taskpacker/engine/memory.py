# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store, from the loop: one call at a time in its own thread, and what becomes of one that it refuses.

A full or read-only disk passes: it is tried again until it takes what it is given. A damaged store does not mend; but
all that it has to hold is in memory, so a new one takes its place, and only history is left in the old one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sd_taskpacker.engine.events import Event
from sd_taskpacker.engine.ports import Store, StoreConflict, StoreDamaged, StoreError
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.trouble import STORE, Trouble

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Memory:
    """`state` is what the store has to hold, `clock` answers usec."""

    def __init__(self, store: Store, state: State, clock: Callable[[], int], trouble: Trouble) -> None:
        self._store = store
        self._state = state
        self._clock = clock
        self._trouble = trouble
        self._damaged = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def commit(self, events: Sequence[Event]) -> Sequence[int]:
        """Their sequence numbers, once they are on disk; the state has them already. Raises StoreError."""
        try:
            numbers = await self._write(events)
        except StoreConflict as error:  # What was asked for is at fault, and not the disk.
            log.error("%s", error)
            raise
        except StoreError as error:
            self._tell(error)
            raise
        self._recovered()
        return numbers

    async def mend(self) -> bool:
        """Whether the store, which has refused something, takes it now."""
        try:
            await self._write(())
        except StoreError as error:
            self._tell(error)
            return False
        self._recovered()
        return True

    async def recall(self, read: Callable[[Store], _T]) -> _T:
        """Raises StoreError."""
        try:
            return await self._call(read)
        except StoreDamaged as error:
            self._damaged = True
            self._tell(error)
            raise

    async def _write(self, events: Sequence[Event]) -> Sequence[int]:
        """Nobody changes the state meanwhile. Without events it only tries whether that is possible."""
        if not self._damaged:
            try:
                return await self._call(lambda store: _write(store, events))
            except StoreDamaged as error:
                log.error("%s", error)
                self._damaged = True
        whole, now = self._state.remembered(), self._clock()
        numbers = await self._call(lambda store: store.renew(whole, events, now))
        self._damaged = False
        return numbers

    def _tell(self, error: StoreError) -> None:
        if self._trouble.tell(STORE, str(error)):
            log.error("%s", error)

    def _recovered(self) -> None:
        if self._trouble.tell(STORE, ""):
            log.info("the store can be written again")

    async def _call(self, use: Callable[[Store], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, use, self._store)


def _write(store: Store, events: Sequence[Event]) -> Sequence[int]:
    if events:
        return store.commit(events)
    store.probe()
    return ()
