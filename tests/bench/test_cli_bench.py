# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bench.cli import Run, commands, lines, measured


def test_each_command_is_run_as_often_as_asked_for() -> None:
    found = measured({"a": [sys.executable, "-c", "pass"], "b": [sys.executable, "-c", "pass"]}, 2)
    assert {name: len(times) for name, times in found.items()} == {"a": 2, "b": 2}


def test_a_command_that_fails_has_no_time() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measured({"a": [sys.executable, "-c", "raise SystemExit(3)"]}, 1)


def test_the_table_has_median_and_quickest_in_milliseconds() -> None:
    head, row = lines({"list": [Run(0.1, 0.05), Run(0.2, 0.06), Run(0.4, 0.07)]})
    assert head.split() == ["median", "quickest", "CPU"]
    assert row == "list    200 ms    100 ms     60 ms"


def test_the_verb_is_measured_beside_what_it_cannot_be_faster_than() -> None:
    table = commands(["list", "--all"], "--user", "py")
    assert table["taskpackerctl list --all"] == ["py", "-m", "sd_taskpacker", "--user", "list", "--all"]
    assert len(table) == 4
