# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sd_taskpacker.daemon import START_AGAIN_SECONDS, pause_before_exit, unless_over
from sd_taskpacker.host.paths import Paths


def test_who_fails_at_the_start_waits_before_the_next_try_and_who_ran_for_a_while_does_not() -> None:
    assert pause_before_exit(0.5) == START_AGAIN_SECONDS - 0.5
    assert pause_before_exit(3600) == 0


@pytest.mark.parametrize("given", ["", "relative"])
def test_a_users_directories_are_absolute_whatever_the_environment_says(given: str) -> None:
    names = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    assert Paths.of(user=True, environ=dict.fromkeys(names, given)) == Paths.of(user=True, environ={})
    paths = Paths.of(user=True, environ={name: f"/{name}" for name in names})
    assert paths.state == Path("/XDG_STATE_HOME/sd-taskpacker")
    assert paths.config == Path("/XDG_CONFIG_HOME/sd-taskpacker/taskpacker.toml")
    assert paths.runtime == Path("/XDG_RUNTIME_DIR/sd-taskpacker")


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _fails() -> None:
    raise LookupError("the loop is broken")


async def test_a_daemon_whose_loop_ends_while_it_starts_does_not_wait_for_it_for_ever() -> None:
    with pytest.raises(LookupError, match="the loop is broken"):
        await unless_over([asyncio.create_task(_for_ever()), asyncio.create_task(_fails())], _for_ever())


async def test_what_fails_at_the_start_is_told_and_what_is_done_returns() -> None:
    worker = asyncio.create_task(_for_ever())
    with pytest.raises(LookupError):
        await unless_over([worker], _fails())
    await unless_over([worker], asyncio.sleep(0))
    assert not worker.done()
