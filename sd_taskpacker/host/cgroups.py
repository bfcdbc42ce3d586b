# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where this machine's cgroup trees are, and which of their files belong to whom.

Three layouts occur: everything in one v2 tree; every controller in its own v1 tree; and the hybrid, v1 trees
that hold the controllers beside a v2 tree without any. A controller lives in exactly one tree, so asking each
tree what it offers answers for all three, and nothing assumes where a tree is mounted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_PF_EXITING = 0x4
_OCTAL = re.compile(r"\\([0-7]{3})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One mounted cgroup tree."""

    version: int
    controllers: frozenset[str]
    mount: Path
    """Where it is mounted, seen from the process that reads it."""
    top: str
    """The cgroup that is mounted there, `/` unless somebody mounted a part of the tree (containers do)."""
    own: Path
    """Directory of the reading process's own cgroup; `mount` itself when that is not visible from here."""

    def directory(self, cgroup: str) -> Path:
        """Where the cgroup of that path, as /proc/PID/cgroup spells it, is found.

        In a cgroup namespace the kernel prefixes `/..` for what lies outside; such a cgroup cannot be reached
        through this mount, and the mount's own top, the nearest one to it, is answered.
        """
        top, parts = _parts(self.top), _parts(cgroup)
        below = parts[len(top) :]
        if parts[: len(top)] != top or ".." in below:
            return self.mount
        return self.mount.joinpath(*below)

    def way_up(self) -> Iterator[Path]:
        """The own cgroup's directory, its parent, and so on to the mount."""
        directory = self.own
        while directory != self.mount:
            yield directory
            directory = directory.parent
        yield directory

    def name(self, directory: Path) -> str:
        """The cgroup's path below the mount, for a person."""
        return "/" + "/".join(directory.relative_to(self.mount).parts)


def read_hierarchies(root: Path = ROOT) -> tuple[Hierarchy, ...]:
    """Every mounted cgroup tree, from /proc/self/mountinfo below `root`. Raises OSError without /proc."""
    mine = _memberships(root / "proc/self/cgroup")
    mounts = (root / "proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    found = (_hierarchy(root, line, mine) for line in mounts)
    return tuple(hierarchy for hierarchy in found if hierarchy is not None)


def offering(hierarchies: tuple[Hierarchy, ...], controller: str) -> Hierarchy | None:
    """The tree that has the controller, None when the kernel offers it nowhere."""
    return next((each for each in hierarchies if controller in each.controllers), None)


def unusable(
    hierarchies: tuple[Hierarchy, ...], controllers: tuple[str, ...], manager_cgroup: str, *, uid: int | None = None
) -> tuple[str, ...]:
    """Those controllers that our service manager cannot apply to what it starts.

    A user's manager has on v2 what user@.service delegates, and on v1 nothing: there a cgroup is its owner's, and
    systemd hands over none that limits. `uid` is the manager's user, ours unless given.
    """
    manager = os.getuid() if uid is None else uid
    return tuple(
        name for name in controllers if not _is_usable(offering(hierarchies, name), name, manager_cgroup, manager)
    )


def _is_usable(tree: Hierarchy | None, controller: str, manager_cgroup: str, uid: int) -> bool:
    if tree is None:
        return False
    directory = tree.directory(manager_cgroup)
    try:
        if tree.version == 2:
            return controller in _offered(directory)
        return directory.stat().st_uid == uid
    except FileNotFoundError:  # v1: systemd makes a cgroup there only once something below it has a limit.
        return False


def unit_of_pid(pid: int, root: Path = ROOT, *, manager_cgroup: str = "") -> str | None:
    """The service of *our* service manager that a process belongs to; None when it belongs to none.

    That is the outermost *.service below the manager's own cgroup ("" for PID 1). What is named like a service
    further inside was made by the service itself or by a user's own manager, and would let anybody pass for
    one of our tasks. Raises ProcessLookupError for a process that is gone or going: nobody knows where it was.
    """
    process = root / "proc" / str(pid)
    try:
        memberships = _memberships(process / "cgroup")
        # Looked at second, for the flag never goes away again. With v1 the kernel shows a process that has it, a
        # zombie above all, in the root cgroup (proc_cgroup_show, kernel/cgroup/cgroup.c): no task, it would seem.
        exiting = _flags(process / "stat") & _PF_EXITING
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    if exiting:
        raise ProcessLookupError(f"process {pid} has ended")
    path = memberships.get("name=systemd", memberships.get("", ""))
    parts, manager = _parts(path), _parts(manager_cgroup)
    if parts[: len(manager)] != manager:
        return None
    services = (part for part in parts[len(manager) :] if part.endswith(".service"))
    # systemd puts `_` before a name that could be taken for a file of the kernel's (cg_escape, cgroup-util.c).
    return next((part.removeprefix("_") for part in services), None)


def _flags(stat: Path) -> int:
    """The process flags (proc(5)), seven fields after the name, which may itself hold blanks and parentheses."""
    return int(stat.read_bytes().rpartition(b")")[2].split()[6])


def counter_files(unit: str, slice: str, manager_cgroup: str = "", *, root: Path = ROOT) -> tuple[str, ...]:
    """The files that will tell CPU time, memory peak and oom kills of a unit that need not exist yet.

    Only those that there will be: `memory.peak` came with Linux 5.19, and a user's manager may have no memory
    controller. For each one missing, install(1) would write an error into the task's output. `unit` may be any text
    that systemd turns into the unit's name, `%n` in a drop-in for example.
    """
    hierarchies = read_hierarchies(root)
    cgroup = "/".join((manager_cgroup.rstrip("/"), *_slice_path(slice), unit))
    files = [*_cpu_files(hierarchies, cgroup)]
    if not unusable(hierarchies, ("memory",), manager_cgroup):
        files += _memory_files(hierarchies, cgroup)
    return tuple("/" + str(file.relative_to(root)) for file in files)


def _cpu_files(hierarchies: tuple[Hierarchy, ...], cgroup: str) -> Iterator[Path]:
    # Every v2 tree counts CPU time in cpu.stat, also without the controller, and there it costs nothing.
    unified = next((each for each in hierarchies if each.version == 2), None)
    cpuacct = offering(hierarchies, "cpuacct")
    if unified is not None:
        yield unified.directory(cgroup) / "cpu.stat"
    elif cpuacct is not None:
        yield cpuacct.directory(cgroup) / "cpuacct.usage"


def _memory_files(hierarchies: tuple[Hierarchy, ...], cgroup: str) -> Iterator[Path]:
    memory = offering(hierarchies, "memory")
    if memory is None:
        return
    directory = memory.directory(cgroup)
    if memory.version == 1:
        yield directory / "memory.max_usage_in_bytes"
        yield directory / "memory.oom_control"
        return
    if (memory.own / "memory.peak").exists() or not (memory.own / "memory.current").exists():
        yield directory / "memory.peak"
    yield directory / "memory.events"


def _slice_path(slice: str) -> Iterator[str]:
    """`a-b.slice` lies in `a.slice`: the dash is the hierarchy (systemd.slice(5))."""
    words = slice.removesuffix(".slice").split("-")
    for count in range(1, len(words) + 1):
        yield "-".join(words[:count]) + ".slice"


def _memberships(file: Path) -> dict[str, str]:
    """Controller, `name=systemd` or "" (v2) -> the process's cgroup path (cgroups(7))."""
    found: dict[str, str] = {}
    for line in file.read_text("utf-8", "surrogateescape").splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _hierarchy(root: Path, mountinfo_line: str, mine: dict[str, str]) -> Hierarchy | None:
    """None when the line of /proc/self/mountinfo (proc(5)) is no cgroup mount."""
    mounted, _, filesystem = mountinfo_line.partition(" - ")
    kind, _, options = filesystem.split(" ", 2)
    if kind not in ("cgroup", "cgroup2"):
        return None
    top, place = (_unescape(field) for field in mounted.split(" ")[3:5])
    mount = root / place.lstrip("/")
    if mount.is_file():
        return None  # Since systemd 254 a service has a file of its own cgroup mounted there, memory.pressure.
    controllers = _offered(mount) if kind == "cgroup2" else frozenset(options.split(",")) & mine.keys()
    member = "" if kind == "cgroup2" else next(iter(controllers), "")
    hierarchy = Hierarchy(
        version=2 if kind == "cgroup2" else 1, controllers=controllers, mount=mount, top=top, own=mount
    )
    own = hierarchy.directory(mine.get(member, "/"))
    return Hierarchy(
        version=hierarchy.version, controllers=controllers, mount=mount, top=top, own=own if own.is_dir() else mount
    )


def _offered(mount: Path) -> frozenset[str]:
    try:
        return frozenset((mount / "cgroup.controllers").read_text("ascii").split())
    except FileNotFoundError:  # A kernel before 4.5, or a mount that hides it: nothing to be had there.
        return frozenset()


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
