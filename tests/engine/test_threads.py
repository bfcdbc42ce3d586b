# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sd_taskpacker.engine.threads import think


async def test_while_it_thinks_nothing_is_collected_and_afterwards_it_is_again() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert await think(pool, lambda word: (word, gc.isenabled()), "seen") == ("seen", False)
        assert gc.isenabled()
        with pytest.raises(ZeroDivisionError):
            await think(pool, lambda: 1 / 0)
        assert gc.isenabled()


async def test_it_thinks_in_a_thread_of_its_own() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert await think(pool, threading.get_ident) != threading.get_ident()
