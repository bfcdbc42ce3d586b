# SPDX-License-Identifier: LGPL-2.1-or-later
"""A piece of every cgroup hierarchy for the private machine: made, entered, handed down, removed.

The hierarchies are those this process is in (/proc/self/cgroup), where they are mounted (mountinfo): v1 with any
set of controllers, named ones, and v2, alone or beside v1. Everything lies below our own cgroup, so whatever
limits us limits the private machine too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PREFIX = "taskpacker-private-"
OUTSIDE = PREFIX + "outside"
"""v2 hands controllers only to the children of a cgroup without processes: those of ours wait in this one."""
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


class CgroupError(Exception):
    """No cgroup could be had; the message says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """`options` are the mount options of a v1 hierarchy (`cpu,cpuacct`, `name=systemd`), empty for v2."""

    mount: Path
    options: str
    own: Path

    @property
    def unified(self) -> bool:
        return not self.options


class Cgroups:
    """The private machine's cgroup in every hierarchy."""

    def __init__(self, keeper: int) -> None:
        self.name = f"{PREFIX}{keeper}"
        self._boxes: list[tuple[Hierarchy, Path]] = []
        self._enabled: dict[Path, list[str]] = {}

    def make(self, hierarchy: Hierarchy) -> None:
        box = hierarchy.own / self.name
        self._boxes.append((hierarchy, box))  # First, so that `remove` undoes whatever comes next.
        if hierarchy.unified:
            self._hand_down_controllers(hierarchy.own)
        _sweep(hierarchy.own)
        box.mkdir()
        for file in CPUSET_FILES:  # A v1 cpuset takes no process before it has CPUs and memory nodes.
            if not hierarchy.unified and (box / file).exists():
                (box / file).write_text((hierarchy.own / file).read_text())

    def enter(self) -> None:
        """Moves the calling process in; used between fork and exec."""
        enter_cgroups([str(box) for _, box in self._boxes])

    def take_out(self, pid: int) -> None:
        """Moves a process back to where we are; on v2 one process in it keeps the machine from using its root."""
        for hierarchy, _ in self._boxes:
            outside = hierarchy.own / OUTSIDE
            (outside if outside.exists() else hierarchy.own).joinpath("cgroup.procs").write_text(str(pid))

    def entrances(self) -> tuple[str, ...]:
        """Where a process joins the machine from outside: its systemd assigns every process that it finds inside,
        but may not fetch one from outside where v2 is mounted with `nsdelegate`. The root itself takes none on v2."""
        return tuple(str(box / "init.scope" if hierarchy.unified else box) for hierarchy, box in self._boxes)

    def mounts(self) -> list[tuple[str, str]]:
        """(mount point, options) of each, as the private machine is to mount them."""
        return [(str(hierarchy.mount), hierarchy.options) for hierarchy, _ in self._boxes]

    def remove(self, seconds: float) -> list[str]:
        """Removes every directory; answers those that still had processes after `seconds`."""
        deadline = time.monotonic() + seconds
        left = [box for _, box in self._boxes]
        while (left := [box for box in left if not _removed(box)]) and time.monotonic() < deadline:
            time.sleep(0.02)  # The kernel takes a moment to bury the processes that were killed.
        for own, controllers in self._enabled.items():
            with suppress(OSError):  # EBUSY: somebody else's cgroup has come to use them.
                _switch(own, "-", controllers)
        for hierarchy, _ in self._boxes:
            if hierarchy.unified:
                _take_back(hierarchy.own)
        return [str(directory) for directory in left]

    def _hand_down_controllers(self, own: Path) -> None:
        present = (own / "cgroup.subtree_control").read_text().split()
        missing = [name for name in (own / "cgroup.controllers").read_text().split() if name not in present]
        try:
            _switch(own, "+", missing)
            self._enabled[own] = missing
        except OSError:  # EBUSY: not the real root, and processes in it.
            _make_way(own)
            _switch(own, "+", missing)


def hand_down(keeper: int) -> Cgroups:
    """A new cgroup below our own in every hierarchy, named after the process that will remove it.

    Raises CgroupError, and then nothing is left.
    """
    cgroups = Cgroups(keeper)
    try:
        found = list(find_hierarchies())
        if not found:
            raise CgroupError("no cgroup hierarchy is mounted; mount cgroup2 on /sys/fs/cgroup")
        for hierarchy in found:
            cgroups.make(hierarchy)
    except OSError as error:
        cgroups.remove(5.0)
        raise CgroupError(f"cannot make a cgroup: {error}; is this container allowed to (--privileged)?") from error
    return cgroups


def enter_cgroups(boxes: Iterable[str]) -> None:
    for box in boxes:
        Path(box, "cgroup.procs").write_text("0")  # 0 means the process that writes.


def find_hierarchies() -> Iterator[Hierarchy]:
    """cgroups(7): a line of /proc/self/cgroup is `id:controllers:path`, `0::path` for v2."""
    mounts = list(_cgroup_mounts())
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for point, root, options in mounts:
            if set(controllers.split(",")) - {""} == options:
                below = os.path.relpath(path, root)
                own = point if below == "." or below.startswith("..") else point / below
                own = own.parent if own.name == OUTSIDE else own  # Another machine runs beside ours.
                yield Hierarchy(mount=point, options=controllers, own=own)
                break


def _cgroup_mounts() -> Iterator[tuple[Path, str, set[str]]]:
    """(mount point, root, controllers and names); proc_pid_mountinfo(5)."""
    flags = {"rw", "ro", "xattr", "noprefix", "clone_children"}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        point = Path(before.split()[4])
        if kind == "cgroup2":
            yield point, before.split()[3], set()
        elif kind == "cgroup":
            kept = {
                word for word in options.split(",") if word not in flags and not word.startswith("release_agent=")
            }
            yield point, before.split()[3], kept


def _switch(own: Path, sign: str, controllers: list[str]) -> None:
    if controllers:
        (own / "cgroup.subtree_control").write_text(" ".join(sign + name for name in controllers))


def _make_way(own: Path) -> None:
    """Moves the processes of a cgroup, and what they fork meanwhile, to OUTSIDE."""
    (own / OUTSIDE).mkdir(exist_ok=True)
    while pids := (own / "cgroup.procs").read_text().split():
        _move(pids, own / OUTSIDE)


def _take_back(own: Path) -> None:
    """Undoes _make_way, if we are the last machine that needed it."""
    outside = own / OUTSIDE
    if not outside.exists() or next(_boxes_in(own), None):
        return
    with suppress(OSError):  # EBUSY: somebody made cgroups of their own here, or is faster with the same.
        _switch(own, "-", (own / "cgroup.subtree_control").read_text().split())
        while pids := (outside / "cgroup.procs").read_text().split():
            _move(pids, own)
        outside.rmdir()


def _move(pids: Iterable[str], target: Path) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # It ended meanwhile.
            (target / "cgroup.procs").write_text(pid)


def _boxes_in(own: Path) -> Iterator[Path]:
    return own.glob(f"{PREFIX}[0-9]*")


def _sweep(own: Path) -> None:
    """Removes what a keeper that was killed with SIGKILL left behind."""
    for left in _boxes_in(own):
        keeper = left.name.removeprefix(PREFIX)
        if keeper.isdigit() and not Path("/proc", keeper).exists():
            _removed(left)


def _removed(box: Path) -> bool:
    """rmdir from the leaves up: the files in a cgroup directory are the kernel's and go with it."""
    for directory, _, _ in os.walk(box, topdown=False):
        with suppress(OSError):  # EBUSY, processes in it; the caller comes again.
            os.rmdir(directory)
    return not box.exists()
