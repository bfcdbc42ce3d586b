# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task -> the properties of its transient unit. Pure; the quirks of systemd that shape it are cited in place.

Three groups: what the life cycle needs and nobody can change, what adds to lists of the task's own `[Service]`
section, and defaults that the section replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sd_taskpacker.model.command import is_broken_by_reload
from sd_taskpacker.model.notices import task_fields
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

Property = tuple[str, Value]

STOP_USEC: Final = 10 * 1_000_000
OOM_SCORE_OF_BATCH: Final = 500
TASKS_OF_BATCH: Final = 1_024
"""Processes and threads. The default of systemd, 15 % of what the machine can have, is for services, which are few;
with it a handful of tasks could take every number that there is."""

LIFE_CYCLE: Final = frozenset(
    {
        "CollectMode",
        "Description",
        "ExecStart",
        "ExecStartEx",
        "ExecStopPost",
        "ExecStopPostEx",
        "RemainAfterExit",
        "Restart",
        "Slice",
        "Type",
        "User",
    }
)
"""What `[Service]` cannot set: it would break starting, accounting or noticing the end. Left out if it is there."""

SLICE_VARIABLE: Final = "TASKPACKER_SLICE"
"""Tells the receipt's command, which is the same for all units, where the task's cgroup is."""

_LIFE_CYCLE_OF_BATCH = frozenset({"MemoryMax", "RuntimeMaxUSec", "TimeoutStartUSec"})

OUTPUT: Final = "StandardOutputFileDescriptor"
"""Has the message's first descriptor. A path would be opened by PID 1, as root, in a directory of the task's user,
where another process of that user may have put a link."""

_RECURSIVELY: Final = 1 << 14
"""MS_REC of mount(2): what is mounted below comes along."""

_ROOT = ("root", "0")

SHARED_MEMORY: Final = "/dev/shm"

_FAMILIES = {
    "StandardInput": "StandardInput",
    OUTPUT: "StandardOutput",
    "StandardError": "StandardError",
}
"""Defaults that are also replaced by their relatives: StandardOutput=journal means no output file."""


def transient(task: Task, state_directory: str | None = None) -> list[Property]:
    """Everything for StartTransientUnit. `state_directory`, where the directories of all tasks are, is hidden from it
    but for its own; not in a user instance, where the tasks are that user's anyway, and systemd may not mount.

    What runs after the task and leaves its receipt is not here but in a drop-in: see host.receipts.
    """
    fixed = dict([*_life_cycle(task), *_limits(task)])
    own = [each for each in task.properties if each[0] not in LIFE_CYCLE | fixed.keys() and not _is_moved(task, each)]
    added = dict([*_additions(task), *_isolation(task, state_directory)])
    listed = [(name, _joined(name, value, own)) for name, value in added.items()]
    replaced = {name for name, _ in own}
    defaults = [each for each in _defaults(task) if not _is_replaced(each[0], replaced)]
    rest = [each for each in own if each[0] not in added]
    return [*fixed.items(), *listed, *defaults, *_last_wins(rest)]


def _life_cycle(task: Task) -> Iterator[Property]:
    yield "Description", _s(f"{task.id} - {task.description}" if task.description else str(task.id))
    yield "Slice", _s(task.slice)
    # A oneshot's start job lasts until the program and its ExecStopPost= are done, so JobRemoved tells the end.
    # A workorder may run for days: as a oneshot it would sit in systemd's job queue all that time, and while there
    # is a job the boot is not finished (systemctl is-system-running, startup-finished).
    yield "Type", _s("oneshot" if task.kind is Kind.BATCH else "exec")
    if not is_broken_by_reload(task.argv, task.id.unit_name):
        yield "ExecStart", _command(task.argv)
    if task.user is not None:
        yield "User", _s(task.user)
    if _has_own_root(task):
        # Else what leaves the receipt would be looked for in there, and run as root: `+` does not keep it outside.
        yield "RootDirectoryStartOnly", _b(True)


def _limits(task: Task) -> Iterator[Property]:
    if task.kind is not Kind.BATCH:
        return
    # RuntimeMaxSec= "does not have any effect on Type=oneshot services" (systemd.service(5)): the whole run is the
    # start, and the start is unlimited unless we say otherwise.
    limits = [value.data for name, value in task.properties if name in ("RuntimeMaxUSec", "TimeoutStartUSec")]
    yield "TimeoutStartUSec", _t(min(limits, default=INFINITY))
    yield "MemoryMax", _t(task.memory_max)


def _is_moved(task: Task, each: Property) -> bool:
    return task.kind is Kind.BATCH and each[0] in _LIFE_CYCLE_OF_BATCH


def _additions(task: Task) -> Iterator[Property]:
    yield "Environment", Value("as", _environment(task))
    yield "ReadWritePaths", Value("as", [task.directory])
    yield "LogExtraFields", Value("aay", [f"{name}={text}".encode() for name, text in task_fields(task).items()])


def _isolation(task: Task, state_directory: str | None) -> Iterator[Property]:
    """Tasks have one user, usually; so what they have written is kept apart by what they see. A unit that has to see
    more says BindReadOnlyPaths=."""
    if state_directory is None or task.user is None:
        return
    hidden = [state_directory]
    if not f"{task.root_directory}/".startswith(f"{state_directory}/"):
        hidden.append(task.root_directory)
    places = [[place, "ro,mode=0755"] for place in hidden]
    if _own(task, "PrivateIPC") is not False:
        # What is left in /dev/shm would stay after the task, for the others to pay for: it counts against the slice.
        places.append([SHARED_MEMORY, "mode=1777"])
    yield "TemporaryFileSystem", Value("a(ss)", places)
    yield "BindPaths", Value("a(ssbt)", [[task.directory, task.directory, False, _RECURSIVELY]])


def _has_own_root(task: Task) -> bool:
    return any(_own(task, setting) for setting in ("RootDirectory", "RootImage"))


def _own(task: Task, setting: str) -> Any:
    """What `[Service]` says last, None when it says nothing."""
    return next((value.data for name, value in reversed(task.properties) if name == setting), None)


def _environment(task: Task) -> list[str]:
    return [
        f"TASKPACKER_NAME={task.id.name}",
        f"TASKPACKER_VERSION={task.id.version}",
        f"TASKPACKER_RESULTS={task.results}",
        f"TASKPACKER_PARAMETERS={task.directory}/parameters.json",
        f"{SLICE_VARIABLE}={task.slice}",
    ]


def _joined(name: str, ours: Value, own: Iterable[Property]) -> Value:
    """The unit's entries first: of two assignments to one variable, systemd takes the later. Of two journal fields
    of one name it takes both, so that one of ours is ours alone."""
    theirs = [entry for other, value in own if other == name for entry in value.data]
    if name == "LogExtraFields":
        theirs = [field for field in theirs if not field.startswith(b"TASKPACKER_")]
    return Value(ours.signature, theirs + ours.data)


def _defaults(task: Task) -> Iterator[Property]:
    # With a root of its own the directory is mounted in there, where what leaves the receipt does not find it: it
    # would fail (200/CHDIR) were it not for the `-`.
    yield "WorkingDirectory", _s(f"-{task.directory}" if _has_own_root(task) else task.directory)
    yield "StandardInput", _s("null")
    yield OUTPUT, Value("h", 0)
    yield "StandardError", _s("inherit")
    yield "SyslogIdentifier", _s(task.unit)
    yield "TimeoutStopUSec", _t(STOP_USEC)
    yield "OOMPolicy", _s("kill")
    for accounting in ("MemoryAccounting", "CPUAccounting", "TasksAccounting"):
        yield accounting, _b(True)
    if task.kind is Kind.BATCH:
        yield "MemorySwapMax", _t(0)
        yield "OOMScoreAdjust", Value("i", OOM_SCORE_OF_BATCH)
        yield "TasksMax", _t(TASKS_OF_BATCH)
    yield "NoNewPrivileges", _b(True)
    yield "ProtectSystem", _s("strict")
    # In a user namespace of its own a task cannot look into the processes of its user that are other tasks, nor past
    # what is hidden from it by /proc/PID/root. Whoever is given capabilities needs them outside.
    if task.user not in (None, *_ROOT) and not any(name == "AmbientCapabilities" for name, _ in task.properties):
        yield "PrivateUsers", _b(True)
    if task.user is not None:
        # Message queues and shared memory end with the task, as does what it has in /dev/shm.
        yield "PrivateIPC", _b(True)
    if task.user not in (None, *_ROOT):
        # A program with the set-user-ID bit in results/ would make everybody the tasks' user, outside of any sandbox.
        yield "RestrictSUIDSGID", _b(True)
    # A private /tmp would hide a work directory in /tmp (226/NAMESPACE): a state directory of a test or a user.
    if not task.directory.startswith(("/tmp/", "/var/tmp/")):
        yield "PrivateTmp", _b(True)


def _is_replaced(default: str, own: set[str]) -> bool:
    family = _FAMILIES.get(default)
    return any(name.startswith(family) for name in own) if family else default in own


def _last_wins(properties: Iterable[Property]) -> list[Property]:
    """Each scalar once. Repeated lists stay: systemd appends them."""
    kept: dict[tuple[str, int], Property] = {}
    for number, (name, value) in enumerate(properties):
        kept[name, number if value.signature.startswith("a") else 0] = (name, value)
    return list(kept.values())


def _command(argv: tuple[str, ...]) -> Value:
    """One command line as (path, argv, ignore failure); bus_set_transient_exec_command, src/core/dbus-execute.c.

    Even over the bus systemd expands $X and ${X} in arguments; `$$` is a plain `$` (systemd.service(5)). Doubling
    is used instead of ExecStartEx= with no-env-expand, because systemd 252 writes that under a name to the
    transient unit file that it cannot read: after a daemon-reload the running unit is "bad-setting".

    A command with `$` or `;` goes by a file where that is possible, see model.command.
    """
    return Value("a(sasb)", [[argv[0], [word.replace("$", "$$") for word in argv], False]])


def _s(text: str) -> Value:
    return Value("s", text)


def _t(number: int) -> Value:
    return Value("t", number)


def _b(flag: bool) -> Value:
    return Value("b", flag)
