# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.sdtaskpacker1.Manager: signatures, what they mean, and one forwarding line each. No logic.

The annotations are D-Bus signatures, which is how dbus-next declares an interface; argument names are those that
introspection shows.
"""

from collections.abc import Callable
from typing import Any, Final

from dbus_next import Variant
from dbus_next import introspection as intr
from dbus_next.constants import PropertyAccess
from dbus_next.service import ServiceInterface, dbus_property, method, signal

from sd_taskpacker import __version__
from sd_taskpacker.bus import wire
from sd_taskpacker.bus.callers import Callers
from sd_taskpacker.bus.connection import SENDER
from sd_taskpacker.bus.faults import replies
from sd_taskpacker.bus.task_objects import Property
from sd_taskpacker.engine.ports import Figures, Manager
from sd_taskpacker.model.names import OBJECT_ROOT
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.task import Task, TaskState

NAME: Final = "org.sdtaskpacker1"
PATH: Final = OBJECT_ROOT
INTERFACE: Final = NAME + ".Manager"

_OUT_NAMES = {
    "BatchSubmit": ("answers",),
    "WorkorderStart": ("ids",),
    "ListTasks": ("tasks",),
    "GetTask": ("task",),
    "ListUnits": ("units",),
    "GetUnitProblems": ("problems",),
    "BatchComplete": ("id", "params", "estimated_slots_remaining"),
    "BatchFailed": ("id", "params", "estimated_slots_remaining"),
}
"""dbus-next takes the names of what goes in from the source, but has no place for the names of what comes out."""


class ManagerInterface(ServiceInterface):
    """Export at PATH. Tells `manager` who calls; it decides who may."""

    def __init__(self, manager: Manager, callers: Callers) -> None:
        super().__init__(INTERFACE)
        self._manager = manager
        self._callers = callers

    async def _caller(self) -> Caller:
        return await self._callers.find(SENDER.get())

    def introspect(self) -> intr.Interface:
        shown = super().introspect()
        for answering in shown.methods:
            _name(answering.out_args, answering.name)
        for telling in shown.signals:
            _name(telling.args, telling.name)
        shown.properties = [_constant(each) if each.name == "Version" else each for each in shown.properties]
        return shown

    @method()
    @replies
    async def BatchSubmit(self, requests: "a(sa{sv}a{sv})") -> "a(asas)":
        """(unit, args, params) each -> (ids started, names rejected) each, in order. Lack of room is a rejection."""
        answers = await self._manager.batch_submit(await self._caller(), wire.requests_from(requests))
        return wire.answers_to_wire(answers)

    @method()
    @replies
    async def WorkorderStart(self, requests: "a(sa{sv}a{sv})") -> "as":
        """Starts them at once, room or not; answers their ids."""
        return await self._manager.workorder_start(await self._caller(), wire.requests_from(requests))

    @method()
    @replies
    async def Kill(self, id: "s", signal: "s") -> None:
        """A person's order to a running task; the scheduler never does it. The signal by name, TERM or SIGTERM."""
        await self._manager.kill(await self._caller(), id, signal)

    @method()
    @replies
    async def Decommission(self, root: "s") -> None:
        """Nothing further of that root is started; what runs finishes. Survives restarts."""
        await self._manager.decommission(await self._caller(), root)

    @method()
    @replies
    async def Recommission(self, root: "s") -> None:
        """Takes Decommission back."""
        await self._manager.recommission(await self._caller(), root)

    @method()
    @replies
    async def ListTasks(self, filter: "a{sv}") -> "aa{sv}":
        """Newest first. Filters: state s or as, root s, kind s, since t (usec), limit u; running ones by default."""
        return [wire.task_to_wire(task) for task in await self._manager.list_tasks(wire.filter_from(filter))]

    @method()
    @replies
    async def GetTask(self, id: "s") -> "a{sv}":
        """One task whole; also ended ones, from history. The keys are those of wire.TASK_SIGNATURES."""
        return wire.task_to_wire(await self._manager.get_task(id))

    @method()
    @replies
    async def ListUnits(self) -> "a(ssssb)":
        """(name, kind, path, description, loaded); of a unit that is not loaded, see GetUnitProblems."""
        return wire.units_to_wire(await self._manager.catalogue())

    @method()
    @replies
    async def GetUnitProblems(self, name: "s") -> "a(susss)":
        """(file, line, key, severity, message); line 0 is the file as a whole."""
        return wire.problems_to_wire(await self._manager.catalogue(), name)

    @method()
    @replies
    async def Reload(self) -> None:
        """Reads units, configuration and budget again."""
        await self._manager.reload(await self._caller())

    @signal()
    def BatchComplete(self, id: str, params: dict[str, Variant], slots: list[int]) -> "sa{sv}au":
        """It succeeded: id, the parameters as submitted, estimatedSlotsRemaining."""
        return [id, params, slots]

    @signal()
    def BatchFailed(self, id: str, params: dict[str, Variant], slots: list[int]) -> "sa{sv}au":
        """It did not succeed; GetTask tells why."""
        return [id, params, slots]

    @dbus_property(access=PropertyAccess.READ)
    def Version(self) -> "s":
        return __version__

    @dbus_property(access=PropertyAccess.READ)
    def MemoryBudget(self) -> "t":
        return self._manager.figures().memory_budget

    @dbus_property(access=PropertyAccess.READ)
    def ChunksTotal(self) -> "u":
        return self._manager.figures().chunks_total

    @dbus_property(access=PropertyAccess.READ)
    def ChunksFree(self) -> "u":
        return self._manager.figures().chunks_free

    @dbus_property(access=PropertyAccess.READ)
    def CPUsTotal(self) -> "u":
        return self._manager.figures().cpus_total

    @dbus_property(access=PropertyAccess.READ)
    def CPUsFree(self) -> "u":
        return self._manager.figures().cpus_free

    @dbus_property(access=PropertyAccess.READ)
    def EstimatedSlotsRemaining(self) -> "au":
        return list(self._manager.figures().slots)

    @dbus_property(access=PropertyAccess.READ)
    def NRunning(self) -> "u":
        return self._manager.figures().running

    @dbus_property(access=PropertyAccess.READ)
    def NQueued(self) -> "u":
        return self._manager.figures().queued

    @dbus_property(access=PropertyAccess.READ)
    def Roots(self) -> "as":
        return list(self._manager.figures().roots)


def _name(arguments: list[intr.Arg], member: str) -> None:
    for argument, name in zip(arguments, _OUT_NAMES.get(member, ()), strict=True):
        argument.name = name


def _constant(of: intr.Property) -> Property:
    return Property(of.name, of.signature, emits="const")


class BusSignals:
    """engine.ports.Signals. `status` gets a line for `systemctl status`, when the figures change."""

    def __init__(self, interface: ManagerInterface, status: Callable[[str], None]) -> None:
        self._interface = interface
        self._status = status
        self._last: dict[str, Any] = {}

    def batch_ended(self, task: Task, slots: tuple[int, int, int, int]) -> None:
        complete = task.state is TaskState.COMPLETE
        emit = self._interface.BatchComplete if complete else self._interface.BatchFailed
        emit(str(task.id), wire.variants_of(task.params), list(slots))

    def figures_changed(self, figures: Figures) -> None:
        now = wire.figures_to_wire(figures)
        changed = {name: value for name, value in now.items() if self._last.get(name) != value}
        if changed:
            self._last = now
            self._interface.emit_properties_changed(changed)
            self._status(status_line(figures))


def status_line(figures: Figures) -> str:
    chunks = f"{figures.chunks_free} of {figures.chunks_total} chunks"
    cpus = f"{figures.cpus_free} of {figures.cpus_total} CPUs"
    return f"{figures.running} running, {figures.queued} waiting; {chunks} and {cpus} free"
