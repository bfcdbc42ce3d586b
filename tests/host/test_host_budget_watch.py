# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import select
from pathlib import Path

import pytest

from sd_taskpacker.host.budget_watch import BudgetWatch
from tests.host.test_host_cgroups import SERVICE, files, hybrid, pure_v2

V2 = f"/sys/fs/cgroup{SERVICE}"
LIMITS_V2 = {f"{V2}/memory.max": "max\n", f"{V2}/cpu.max": "max 100000\n"}
LIMITS_V1 = {
    f"/sys/fs/cgroup/memory{SERVICE}/memory.limit_in_bytes": "9223372036854771712\n",
    f"/sys/fs/cgroup/cpu{SERVICE}/cpu.cfs_quota_us": "-1\n",
    f"/sys/fs/cgroup/cpu{SERVICE}/cpu.cfs_period_us": "100000\n",
}


def told(watch: BudgetWatch) -> bool:
    return bool(select.select([watch], [], [], 0)[0])


@pytest.mark.parametrize("file", [*LIMITS_V2, "/sys/fs/cgroup/system.slice/memory.max"])
def test_a_write_to_a_limit_is_told_once_and_the_next_one_again(tmp_path: Path, file: str) -> None:
    root = files(pure_v2(tmp_path), LIMITS_V2 | {"/sys/fs/cgroup/system.slice/memory.max": "max\n"})
    watch = BudgetWatch(root)
    assert not told(watch)
    for text in ("1\n", "2\n"):
        files(root, {file: text})
        assert told(watch)
        watch.again()
        assert not told(watch)
    watch.close()


def test_a_file_that_came_later_is_watched_from_the_next_look_on(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {f"{V2}/memory.max": "max\n"})
    watch = BudgetWatch(root)
    assert not watch.is_told()
    files(root, LIMITS_V2)
    watch.again()
    assert watch.is_told()
    files(root, {f"{V2}/cpu.max": "100000 100000\n"})
    assert told(watch)
    watch.close()


def test_with_v1_a_limit_is_told_only_where_the_unit_has_cgroups_of_its_own(tmp_path: Path) -> None:
    root = files(hybrid(tmp_path), LIMITS_V1 | {f"/sys/fs/cgroup/systemd{SERVICE}/tasks": ""})
    watch = BudgetWatch(root)
    assert watch.is_told()
    watch.close()
    members = root / "proc/self/cgroup"
    members.write_text(members.read_text().replace(f"cpu:{SERVICE}", "cpu:/system.slice"))
    files(root, {"/sys/fs/cgroup/cpu/system.slice/cpu.cfs_quota_us": "-1\n"})
    shared = BudgetWatch(root)
    assert not shared.is_told()
    shared.close()
