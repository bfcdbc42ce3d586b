# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
import tomli

from sd_taskpacker.model.config import Config, read_config


def _read(text: str) -> tuple[Config, list[str]]:
    return read_config(tomli.loads(text))


def test_an_empty_file_is_all_defaults() -> None:
    assert _read("") == (Config(), [])


def test_what_is_set_is_in_force() -> None:
    config, problems = _read('[access]\ngroup = "wheel"\n[tasks]\nuser = "nobody"\n')
    assert (config.access.group, config.tasks.user, problems) == ("wheel", "nobody", [])


@pytest.mark.parametrize("user", ["root", "0", "000"])
def test_tasks_never_run_as_root_by_default(user: str) -> None:
    config, (problem,) = _read(f'[tasks]\nuser = "{user}"\n')
    assert config.tasks.user == "taskpacker"
    assert "User=root" in problem


def test_a_bad_value_is_told_and_leaves_the_default_and_everything_else() -> None:
    config, problems = _read('[access]\ngroup = 7\ncolour = "red"\n[tasks]\nuser = "nobody"\n[cluster]\nx = 1\n')
    assert (config.access.group, config.tasks.user) == ("taskpacker", "nobody")
    assert len(problems) == 3
    assert any("group" in problem for problem in problems)
    assert any("colour" in problem for problem in problems)
    assert any("cluster" in problem for problem in problems)


def test_history_is_kept_for_at_least_a_day() -> None:
    config, problems = _read("[history]\ndays = 0\nevents = 5000\n")
    assert (config.history.days, config.history.events, len(problems)) == (90, 5000, 1)


def test_limits_are_numbers_within_bounds() -> None:
    config, problems = _read("[limits]\nwaiting_per_user = 5\ndepth = 33\ncalls_per_second = 0\n")
    assert (config.limits.waiting_per_user, config.limits.depth, config.limits.calls_per_second) == (5, 32, 200)
    assert len(problems) == 2
