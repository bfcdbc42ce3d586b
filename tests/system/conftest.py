# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.machine import Machine

MARKER = Path("/run/taskpacker-private")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def _booted() -> Iterator[Machine]:
    if not MARKER.exists():
        pytest.fail("system tests install and kill things: run them with tests/run, in a machine of their own")
    machine = Machine()
    machine.restart()
    yield machine
    machine.close()


@pytest.fixture
def machine(_booted: Machine) -> Iterator[Machine]:
    """The one booted machine; after each test it is as it was."""
    yield _booted
    _booted.clean()
