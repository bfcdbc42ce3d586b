# SPDX-License-Identifier: LGPL-2.1-or-later
"""What takes long, in a thread of its own: blocking calls of the edges, and what their errors say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


async def in_thread(pool: ThreadPoolExecutor, call: Callable[..., _T], *arguments: Any) -> _T:
    return await asyncio.get_running_loop().run_in_executor(pool, call, *arguments)


def told(error: Exception) -> str:
    """For a person, without the number of the error."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
