# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fake trees that look like machines: one builder per situation."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sd_taskpacker.host.boot import boot_id
from sd_taskpacker.host.budget import THE_MACHINE, ThisMachine
from sd_taskpacker.host.cgroups import counter_files, read_hierarchies, unit_of_pid, unusable

GIB = 1 << 30
NO_LIMIT = "9223372036854771712"
SERVICE = "/system.slice/sd-taskpacker.service"
UNIT = r"taskpacker-a\x2db:1.service"


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def pure_v2(root: Path, own: str = SERVICE, top: str = "/", visible: str | None = None) -> Path:
    """One tree at /sys/fs/cgroup; `visible` is where the own cgroup lies below the mount."""
    place = "/sys/fs/cgroup" + (own if visible is None else visible)
    return files(
        root,
        {
            "/proc/self/cgroup": f"0::{own}\n",
            "/proc/self/mountinfo": f"29 23 0:26 {top} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
            "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
            f"{place}/cgroup.procs": "",
            f"{place}/memory.current": "1\n",
        },
    )


def hybrid(root: Path, own: str = SERVICE) -> Path:
    """Every controller in its own v1 tree, and a v2 tree without any."""
    mounts = "".join(
        f"3{n} 31 0:3{n} / /sys/fs/cgroup/{name} rw,relatime - cgroup cgroup rw,{name}\n"
        for n, name in enumerate(("cpu", "cpuacct", "cpuset", "memory"))
    )
    members = "".join(f"{n}:{name}:{own}\n" for n, name in enumerate(("cpu", "cpuacct", "cpuset", "memory"), 1))
    return files(
        root,
        {
            "/proc/self/cgroup": f"9:name=systemd:{own}\n{members}0::{own}\n",
            "/proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
            + mounts
            + "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
            + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
            "/sys/fs/cgroup/unified/cgroup.controllers": "\n",
            **{f"/sys/fs/cgroup/{name}{own}/tasks": "" for name in ("cpu", "cpuacct", "cpuset", "memory")},
        },
    )


def co_mounted_v1(root: Path, own: str = SERVICE) -> Path:
    """cpu and cpuacct share a tree, and there is no v2 at all; the mount point has a space."""
    return files(
        root,
        {
            "/proc/self/cgroup": f"4:cpu,cpuacct:{own}\n2:memory:{own}\n1:name=systemd:{own}\n",
            "/proc/self/mountinfo": "33 31 0:30 / /cg\\040roups/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
            "34 31 0:31 / /cg\\040roups/memory rw - cgroup cgroup rw,memory\n",
            f"/cg roups/cpu{own}/tasks": "",
            f"/cg roups/memory{own}/tasks": "",
        },
    )


def machine(root: Path, cpus: int = 8) -> ThisMachine:
    return ThisMachine(root, memory=lambda: 16 * GIB, affinity=lambda: cpus)


def test_without_limits_the_machine_is_the_budget(tmp_path: Path) -> None:
    budget = machine(pure_v2(tmp_path)).budget()
    assert (budget.memory, budget.cpus, budget.source) == (16 * GIB, 8, THE_MACHINE)


def test_v2_smallest_memory_limit_on_the_way_up_wins(tmp_path: Path) -> None:
    root = files(
        pure_v2(tmp_path),
        {
            f"/sys/fs/cgroup{SERVICE}/memory.max": f"{4 * GIB}\n",
            "/sys/fs/cgroup/system.slice/memory.max": f"{2 * GIB}\n",
        },
    )
    budget = machine(root).budget()
    assert (budget.memory, budget.source) == (2 * GIB, "memory.max of /system.slice")


def test_v2_limit_of_the_service_itself_names_the_service(tmp_path: Path) -> None:
    root = files(
        pure_v2(tmp_path),
        {
            f"/sys/fs/cgroup{SERVICE}/memory.max": f"{GIB}\n",
            "/sys/fs/cgroup/system.slice/memory.max": "max\n",
        },
    )
    assert machine(root).budget().source == f"memory.max of {SERVICE}"


def test_a_limit_beyond_the_machine_does_not_count(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {f"/sys/fs/cgroup{SERVICE}/memory.max": f"{64 * GIB}\n"})
    assert machine(root).budget().memory == 16 * GIB


def test_a_limit_of_zero_is_a_limit(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {f"/sys/fs/cgroup{SERVICE}/memory.max": "0\n"})
    assert machine(root).budget().memory == 0


def test_hybrid_reads_v1_and_takes_its_huge_number_for_none(tmp_path: Path) -> None:
    memory = "/sys/fs/cgroup/memory"
    root = files(hybrid(tmp_path), {f"{memory}{SERVICE}/memory.limit_in_bytes": NO_LIMIT})
    assert machine(root).budget().source == THE_MACHINE
    files(root, {f"{memory}/system.slice/memory.limit_in_bytes": str(3 * GIB)})
    budget = machine(root).budget()
    assert (budget.memory, budget.source) == (3 * GIB, "memory.limit_in_bytes of /system.slice")


@pytest.mark.parametrize(
    ("quota", "cpus", "time"),
    [
        ("250000 100000", 2, 2_500_000),
        ("50000 100000", 1, 500_000),
        ("max 100000", 8, None),
        ("900000 100000", 8, None),
    ],
)
def test_v2_quota_is_rounded_down_for_packing_but_never_below_one_and_told_as_it_is(
    tmp_path: Path, quota: str, cpus: int, time: int | None
) -> None:
    root = files(pure_v2(tmp_path), {f"/sys/fs/cgroup{SERVICE}/cpu.max": quota})
    budget = machine(root).budget()
    assert (budget.cpus, budget.cpu_usec) == (cpus, time)


def test_v1_quota_in_a_co_mounted_tree(tmp_path: Path) -> None:
    cpu = f"/cg roups/cpu{SERVICE}"
    root = files(co_mounted_v1(tmp_path), {f"{cpu}/cpu.cfs_quota_us": "350000", f"{cpu}/cpu.cfs_period_us": "100000"})
    assert machine(root).budget().cpus == 3
    files(root, {f"{cpu}/cpu.cfs_quota_us": "-1"})
    assert machine(root).budget().cpus == 8


def test_cpuset_limits_the_cpus(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {f"/sys/fs/cgroup{SERVICE}/cpuset.cpus.effective": "0-2,5\n"})
    assert machine(root).budget().cpus == 4


def test_affinity_limits_the_cpus(tmp_path: Path) -> None:
    assert machine(pure_v2(tmp_path), cpus=2).budget().cpus == 2


def test_a_container_that_sees_only_its_part_of_the_tree(tmp_path: Path) -> None:
    root = pure_v2(tmp_path, own="/docker/4711/app", top="/docker/4711", visible="/app")
    files(root, {"/sys/fs/cgroup/app/memory.max": f"{GIB}\n"})
    budget = machine(root).budget()
    assert (budget.memory, budget.source) == (GIB, "memory.max of /app")


@pytest.mark.parametrize(("own", "top"), [("/../other", "/"), ("/", "/../.."), ("/elsewhere", "/docker/4711")])
def test_an_own_cgroup_outside_of_the_mount_counts_as_the_mount_itself(tmp_path: Path, own: str, top: str) -> None:
    root = files(pure_v2(tmp_path, own=own, top=top, visible=""), {"/sys/fs/cgroup/memory.max": f"{GIB}\n"})
    assert machine(root).budget().source == "memory.max of /"


def test_an_own_cgroup_below_a_mount_that_reaches_outside_the_namespace(tmp_path: Path) -> None:
    root = pure_v2(tmp_path, own="/../../a", top="/../..", visible="/a")
    assert read_hierarchies(root)[0].own == tmp_path / "sys/fs/cgroup/a"


USER_MANAGER = "/user.slice/user-1000.slice/user@1000.service"


def test_what_a_users_manager_is_not_given_is_not_enforced(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {f"/sys/fs/cgroup{USER_MANAGER}/cgroup.controllers": "memory pids\n"})
    limited = ThisMachine(root, manager_cgroup=USER_MANAGER, memory=lambda: GIB, affinity=lambda: 8)
    assert limited.budget().not_enforced == ("cpu",)
    assert machine(root).budget().not_enforced == ()


def test_on_v1_only_the_systems_manager_enforces_anything(tmp_path: Path) -> None:
    hierarchies = read_hierarchies(files(hybrid(tmp_path), {f"/sys/fs/cgroup/memory{USER_MANAGER}/tasks": ""}))
    here = os.getuid()
    assert unusable(hierarchies, ("memory", "cpu"), "", uid=here) == ()
    assert unusable(hierarchies, ("memory", "cpu"), USER_MANAGER, uid=here + 1) == ("memory", "cpu")


def test_no_counters_of_memory_where_a_users_manager_has_none(tmp_path: Path) -> None:
    counted = counter_files(UNIT, "taskpacker.slice", USER_MANAGER, root=hybrid(tmp_path))
    assert counted == (f"/sys/fs/cgroup/unified{USER_MANAGER}/taskpacker.slice/{UNIT}/cpu.stat",)


def test_a_controller_that_the_kernel_lacks_is_not_enforced(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {"/sys/fs/cgroup/cgroup.controllers": "cpu pids\n"})
    assert machine(root).budget().not_enforced == ("memory",)


def test_a_single_file_of_a_cgroup_that_is_mounted_is_no_tree(tmp_path: Path) -> None:
    pressure = f"/sys/fs/cgroup{SERVICE}/memory.pressure"
    root = files(pure_v2(tmp_path), {pressure: ""})
    with (root / "proc/self/mountinfo").open("a") as mountinfo:
        mountinfo.write(f"90 29 0:26 {SERVICE}/memory.pressure {pressure} rw shared:5 - cgroup2 cgroup2 rw\n")
    assert [each.mount for each in read_hierarchies(root)] == [root / "sys/fs/cgroup"]


def test_this_very_machine_has_a_budget() -> None:
    budget = ThisMachine().budget()
    assert budget.memory > 0
    assert budget.cpus >= 1
    assert budget.source


PF_EXITING, PF_RANDOMIZE = 0x4, 0x400000


def process(root: Path, text: str, *, flags: int = PF_RANDOMIZE) -> Path:
    stat = f"7 (a b) R 1) S 1 7 7 0 -1 {flags} 11 0 0 0 2 3\n"
    return files(root, {"/proc/7/cgroup": text, "/proc/7/stat": stat})


def test_unit_of_a_process_with_v2(tmp_path: Path) -> None:
    root = process(tmp_path, f"0::/taskpacker.slice/taskpacker-batch.slice/{UNIT}/payload\n")
    assert unit_of_pid(7, root) == UNIT


def test_unit_of_a_process_with_v1(tmp_path: Path) -> None:
    root = process(tmp_path, "4:memory:/x.service\n9:name=systemd:/system.slice/a.service\n0::/\n")
    assert unit_of_pid(7, root) == "a.service"


def test_unit_name_that_the_kernel_could_misread_loses_its_escape(tmp_path: Path) -> None:
    assert unit_of_pid(7, process(tmp_path, "0::/system.slice/_cgroup.x.service\n")) == "cgroup.x.service"


def test_nobody_passes_for_a_task_with_a_cgroup_or_user_unit_of_that_name(tmp_path: Path) -> None:
    inside = process(tmp_path, f"0::/user.slice/user-7.slice/user@7.service/app.slice/{UNIT}\n")
    assert unit_of_pid(7, inside) == "user@7.service"
    assert unit_of_pid(7, inside, manager_cgroup="/user.slice/user-7.slice/user@7.service") == UNIT


def test_a_process_outside_of_the_manager_has_no_unit(tmp_path: Path) -> None:
    root = process(tmp_path, "0::/system.slice/a.service\n")
    assert unit_of_pid(7, root, manager_cgroup="/user.slice/user-7.slice/user@7.service") is None


def test_no_unit_for_a_session(tmp_path: Path) -> None:
    assert unit_of_pid(7, process(tmp_path, "0::/user.slice/user-1000.slice/session-1.scope\n")) is None


def test_a_process_that_is_gone_has_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ProcessLookupError):
        unit_of_pid(8, process(tmp_path, "0::/\n"))


def test_a_zombie_is_not_taken_for_a_process_of_no_service(tmp_path: Path) -> None:
    zombie = process(tmp_path, "1:name=systemd:/\n0::/\n", flags=PF_RANDOMIZE | PF_EXITING)
    with pytest.raises(ProcessLookupError):
        unit_of_pid(7, zombie)


def test_the_flags_of_real_processes_are_read() -> None:
    child = subprocess.Popen(["/bin/true"])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ProcessLookupError, match="has ended"):
            unit_of_pid(child.pid)
        unit_of_pid(os.getpid())
    finally:
        child.wait()


BATCH = "taskpacker.slice/taskpacker-batch.slice"


def test_counters_of_v2(tmp_path: Path) -> None:
    root = files(pure_v2(tmp_path), {f"/sys/fs/cgroup{SERVICE}/memory.peak": "1\n"})
    base = f"/sys/fs/cgroup/{BATCH}/{UNIT}"
    expected = (f"{base}/cpu.stat", f"{base}/memory.peak", f"{base}/memory.events")
    assert counter_files(UNIT, "taskpacker-batch.slice", root=root) == expected


def test_no_memory_peak_on_an_old_kernel(tmp_path: Path) -> None:
    names = [Path(file).name for file in counter_files(UNIT, "taskpacker-batch.slice", root=pure_v2(tmp_path))]
    assert names == ["cpu.stat", "memory.events"]


def test_counters_of_a_hybrid_machine_come_from_both(tmp_path: Path) -> None:
    root = files(hybrid(tmp_path), {"/sys/fs/cgroup/memory/m/tasks": ""})
    assert counter_files(UNIT, "taskpacker-batch.slice", "/m", root=root) == (
        f"/sys/fs/cgroup/unified/m/{BATCH}/{UNIT}/cpu.stat",
        f"/sys/fs/cgroup/memory/m/{BATCH}/{UNIT}/memory.max_usage_in_bytes",
        f"/sys/fs/cgroup/memory/m/{BATCH}/{UNIT}/memory.oom_control",
    )


def test_counters_of_plain_v1(tmp_path: Path) -> None:
    files_of = counter_files(UNIT, "taskpacker.slice", root=co_mounted_v1(tmp_path))
    assert files_of[0] == f"/cg roups/cpu/taskpacker.slice/{UNIT}/cpuacct.usage"
    assert len(files_of) == 3


def test_boot_id_is_read(tmp_path: Path) -> None:
    assert boot_id(files(tmp_path, {"/proc/sys/kernel/random/boot_id": "abc-1\n"})) == "abc-1"
