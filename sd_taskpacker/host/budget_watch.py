# SPDX-License-Identifier: LGPL-2.1-or-later
"""When to read the budget again: somebody wrote to one of the files that it is made of.

systemd and admins set limits by writing to files of cgroups, which inotify(7) tells. What nobody tells is that CPUs
come and go with the hardware, and that systemd makes a cgroup, or a file in it, only when the first limit is set:
with cgroup v1 a service without one shares its slice's cgroup, with v2 there is no cpu.max without the controller.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sd_taskpacker.host.cgroups import ROOT, Hierarchy, offering, read_hierarchies
from sd_taskpacker.host.inotify import Writes

_FILES: Final = {
    ("memory", 1): ("memory.limit_in_bytes",),
    ("memory", 2): ("memory.max",),
    ("cpu", 1): ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
    ("cpu", 2): ("cpu.max",),
    ("cpuset", 1): ("cpuset.cpus",),
    ("cpuset", 2): ("cpuset.cpus",),
}
_SETTINGS: Final = ("memory", "cpu")
"""What MemoryMax= and CPUQuota= set."""


class BudgetWatch:
    """Its descriptor is readable when there was a write; call `again` then. Raises OSError."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._writes = Writes()
        self._is_told = False
        self.again()

    def fileno(self) -> int:
        return self._writes.fileno()

    def is_told(self) -> bool:
        """Whether no MemoryMax= and no CPUQuota= of our own unit can be set unnoticed."""
        return self._is_told

    def again(self) -> None:
        """Forgets what was written, and looks where the files are now. Raises OSError."""
        self._writes.forget()
        hierarchies = read_hierarchies(self._root)
        trees = {name: offering(hierarchies, name) for name in ("memory", "cpu", "cpuset")}
        for name, tree in trees.items():
            if tree is not None:
                self._writes.watch(file for directory in tree.way_up() for file in _files(name, tree, directory))
        ours = _of_our_unit(hierarchies)
        self._is_told = all(_is_there(name, trees[name], ours) for name in _SETTINGS)

    def close(self) -> None:
        self._writes.close()


def _files(name: str, tree: Hierarchy, directory: Path) -> Iterator[Path]:
    for file in _FILES[name, tree.version]:
        yield directory / file


def _of_our_unit(hierarchies: tuple[Hierarchy, ...]) -> str | None:
    """The path of the cgroup that systemd made for us."""
    tree = offering(hierarchies, "name=systemd") or next((each for each in hierarchies if each.version == 2), None)
    return None if tree is None else tree.name(tree.own)


def _is_there(name: str, tree: Hierarchy | None, ours: str | None) -> bool:
    """Whether a limit that is set on our unit goes to a file that there is already."""
    if tree is None or tree.name(tree.own) != ours:
        return False
    return all(file.exists() for file in _files(name, tree, tree.own))
