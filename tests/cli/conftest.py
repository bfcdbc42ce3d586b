# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.cli.standin import Standin, private_bus, standin


@pytest_asyncio.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    async with private_bus(tmp_path) as found:
        yield found


@pytest_asyncio.fixture
async def service(address: str) -> AsyncIterator[Standin]:
    async with standin(address) as made:
        yield made
