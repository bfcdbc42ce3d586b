# SPDX-License-Identifier: LGPL-2.1-or-later
"""When the collector looks at everything."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from sd_taskpacker.host.garbage import SOME, VERY_MANY, Garbage


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """The generations that were looked at."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            seen.append(2)

    before = gc.get_threshold()
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*before)


def test_it_waits_for_an_idle_moment_after_something_happened(looks: list[int]) -> None:
    garbage = Garbage()
    garbage.tame()
    garbage.note(SOME, idle=False)
    garbage.note(0, idle=False)
    assert not looks
    garbage.note(1, idle=True)
    assert len(looks) == 1
    garbage.note(SOME - 1, idle=True)
    assert len(looks) == 1


def test_a_daemon_that_is_never_idle_is_stopped_for_it_seldom(looks: list[int]) -> None:
    garbage = Garbage()
    garbage.tame()
    garbage.note(VERY_MANY - 1, idle=False)
    assert not looks
    garbage.note(1, idle=False)
    assert len(looks) == 1


def test_by_itself_python_looks_only_at_the_young(looks: list[int]) -> None:
    Garbage().tame()
    held = [[number] for number in range(300_000)]
    assert len(held) == 300_000
    assert not looks
