# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from dbus_next.signature import Variant

from sd_taskpacker.cli.stats import figures, spread, suggested_size, suggested_time
from tests.cli.standin import Standin, run, task
from tests.cli.test_cli_overview import SECOND, seen

MIB = 1 << 20
MINUTE = 60 * SECOND


def ran(seconds: int, *, waited: int = 0, **details: Any) -> dict[str, Any]:
    times = {"submitted": 0, "started": waited * SECOND, "ended": (waited + seconds) * SECOND}
    return seen("massif@1", **({"state": "complete", "result": "success"} | times | details))


def test_percentiles_are_values_that_were_seen() -> None:
    assert spread(range(1, 101)) == {"count": 100, "p50": 50, "p90": 90, "p99": 99, "max": 100}
    assert spread([7]) == {"count": 1, "p50": 7, "p90": 7, "p99": 7, "max": 7}
    assert spread([]) is None


def test_figures_are_of_those_runs_that_tell_something() -> None:
    waiting = seen("massif@9", state="waiting")
    del waiting["started"]
    found = figures(
        "massif",
        [
            ran(60, waited=10, memory_peak=100 * MIB, cpu_usec=5 * SECOND),
            ran(30, waited=20, memory_peak=50 * MIB),
            ran(1, state="failed", result="oom-kill", memory_peak=128 * MIB),
            seen("massif@8"),
            waiting,
        ],
    )
    assert (found["tasks"], found["ended"], found["complete"], found["failed"]) == (5, 3, 2, 1)
    assert found["run"] == {
        "count": 2,
        "p50": 30 * SECOND,
        "p90": 60 * SECOND,
        "p99": 60 * SECOND,
        "max": 60 * SECOND,
    }
    assert found["cpu"]["count"] == 1
    assert found["memory"]["max"] == 128 * MIB
    assert found["wait"]["max"] == 20 * SECOND


@pytest.mark.parametrize(
    ("peaks", "killed", "size"),
    [
        ([], [], None),
        ([1], [], "tiny"),
        ([100 * MIB], [], "small"),
        ([103 * MIB], [], "160M"),
        ([819 * MIB], [], "large"),
        ([1700 * MIB], [], "2144M"),
        ([128 * MIB], [128 * MIB], "medium"),
    ],
)
def test_the_size_has_a_margin_and_is_more_than_what_was_too_little(
    peaks: list[int], killed: list[int], size: str | None
) -> None:
    assert suggested_size(peaks, killed) == size


@pytest.mark.parametrize(
    ("run_times", "expected"),
    [
        ([], None),
        ([SECOND], 2 * SECOND),
        ([37 * SECOND], 45 * SECOND),
        ([50 * SECOND], MINUTE),
        ([9 * MINUTE] * 9 + [300 * MINUTE], 15 * MINUTE),
        ([200 * MINUTE], 5 * 60 * MINUTE),
    ],
)
def test_the_time_is_the_ninth_of_ten_with_a_margin(run_times: list[int], expected: int | None) -> None:
    assert suggested_time(run_times) == expected


async def test_stats_asks_for_the_root_and_counts_only_the_name(service: Standin, address: str) -> None:
    mine = task("build/massif@1", state="complete", ended=1_795_258_445_000_000, memory_peak=100 * MIB)
    service.answers["ListTasks"] = ("aa{sv}", [[mine, task("build@1"), task("build/massif2@1")]])
    done = await run(address, "stats", "build/massif")
    assert done.status == 0
    assert "build/massif: 1 task seen, 1 complete, 0 failed." in done.err
    assert done.out.splitlines()[-2:] == ["Size=small", "ExpectedSec=2min"]
    assert "no more than a hint" in done.err
    states = Variant("as", ["waiting", "running", "complete", "failed"])
    assert service.called("ListTasks") == [
        [{"root": Variant("s", "build"), "state": states, "limit": Variant("u", 1_000)}]
    ]
    shown = json.loads((await run(address, "stats", "build/massif", "--json")).out)
    assert (shown["size"], shown["expected"]) == ("small", 120_000_000)


async def test_stats_of_what_never_was_exits_4(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[]])
    done = await run(address, "stats", "nope")
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith("No task named 'nope' is in the history\nHint: ")
