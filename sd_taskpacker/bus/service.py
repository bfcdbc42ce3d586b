# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.sdtaskpacker1.Manager: signatures, what they mean, and one forwarding line each. No logic.

The annotations are D-Bus signatures, which is how dbus-next declares an interface; argument names are those that
introspection shows.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from dbus_next import Variant
from dbus_next import introspection as intr
from dbus_next.constants import PropertyAccess
from dbus_next.service import ServiceInterface, dbus_property, method, signal

from sd_taskpacker import __version__
from sd_taskpacker.bus import wire, wire_queue, wire_units
from sd_taskpacker.bus.callers import Callers
from sd_taskpacker.bus.connection import INTERACTIVE, SENDER
from sd_taskpacker.bus.encoding import whole
from sd_taskpacker.bus.faults import replies
from sd_taskpacker.bus.introspection import complete
from sd_taskpacker.bus.names import MANAGER
from sd_taskpacker.engine.manager import Manager
from sd_taskpacker.model.request import Caller, Request

MANY: Final = 100
"""Requests of one call, or lines of one answer, from which on they are read or written in a thread."""
LINE: Final = 200
"""Characters of a plan for a line of it, about."""


async def _read(requests: Sequence[Sequence[Any]]) -> list[Request]:
    if len(requests) < MANY:
        return wire.requests_from(requests)
    return await asyncio.to_thread(wire.requests_from, requests)


class ManagerInterface(ServiceInterface):
    """Export at PATH. Tells `manager` who calls; it decides who may."""

    def __init__(self, manager: Manager, callers: Callers) -> None:
        super().__init__(MANAGER)
        self._manager = manager
        self._callers = callers
        # One: of several at once, each would take the interpreter from the loop as often.
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encode")

    async def _encoded(self, signature: str, count: int, made: Callable[[], Any]) -> Any:
        """What may be thousands is made and encoded in a thread: nobody else would be answered meanwhile."""
        if count < MANY:
            return whole(signature, made())
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._encoding, lambda: whole(signature, made()))

    async def _caller(self) -> Caller:
        interactive = INTERACTIVE.get()  # As it is now, before anything is waited for.
        return dataclasses.replace(await self._callers.find(SENDER.get()), interactive=interactive)

    def introspect(self) -> intr.Interface:
        return complete(super().introspect())

    @method()
    @replies
    async def BatchSubmit(self, requests: "a(sa{sv}a{sv})") -> "a(asas)":
        """(unit, args, params) each -> (ids started, names rejected) each, in order. Lack of room is a rejection."""
        answers = await self._manager.batch_submit(await self._caller(), await _read(requests))
        return wire.answers_to_wire(answers)

    @method()
    @replies
    async def BatchQueue(self, requests: "a(sa{sv}a{sv})") -> "a(asas)":
        """As BatchSubmit, but what cannot start now waits: (ids accepted, names rejected) each."""
        answers = await self._manager.batch_queue(await self._caller(), await _read(requests))
        return wire.answers_to_wire(answers)

    @method()
    @replies
    async def BatchTest(self, requests: "a(sa{sv}a{sv})") -> "a(sstss)":
        """What BatchQueue would do: (name, verdict now/later/never, start usec, reason code, text) each."""
        trials = await self._manager.batch_test(await self._caller(), await _read(requests))
        return wire_queue.trials_to_wire(trials)

    @method()
    @replies
    async def WorkorderStart(self, requests: "a(sa{sv}a{sv})") -> "as":
        """Starts them at once, room or not; answers their ids."""
        return await self._manager.workorder_start(await self._caller(), await _read(requests))

    @method()
    @replies
    async def Cancel(self, id: "s") -> None:
        """Takes a waiting task out of the queue."""
        await self._manager.cancel(await self._caller(), id)

    @method()
    @replies
    async def SetTaskProperties(self, id: "s", properties: "a{sv}") -> None:
        """Of a waiting task: priority u, deadline t or s (0 or empty: none any more), size s."""
        changed = wire.values_from("properties", properties)
        await self._manager.set_task_properties(await self._caller(), id, changed)

    @method()
    @replies
    async def Drain(self) -> None:
        """Nothing further is started; what runs finishes. Survives restarts."""
        await self._manager.drain(await self._caller())

    @method()
    @replies
    async def Resume(self) -> None:
        """Takes Drain back."""
        await self._manager.resume(await self._caller())

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
        """Filters: state s or as, root s, kind s, since t (usec), limit u; running and waiting ones by default."""
        tasks = await self._manager.list_tasks(wire.filter_from(filter))
        return await self._encoded("aa{sv}", len(tasks), lambda: [wire.task_to_wire(task) for task in tasks])

    @method()
    @replies
    async def GetTask(self, id: "s") -> "a{sv}":
        """One task whole; also ended ones, from history."""
        return wire.task_to_wire(await self._manager.get_task(id))

    @method()
    @replies
    async def Explain(self, id: "s") -> "a(sss)":
        """Why a task waits: (resource, verdict, reason) each."""
        return wire_queue.reasons_to_wire(await self._manager.explain(id))

    @method()
    @replies
    async def GetPlan(self, format: "s") -> "s":
        """The plan as it is now: json, text, svg or html."""
        form = wire_queue.format_from(format)
        plan = await self._manager.get_plan(form)
        return await self._encoded("s", len(plan) // LINE, lambda: wire_queue.plan_to_wire(plan, form))

    @method()
    @replies
    async def ListEvents(self, after: "t", limit: "u") -> "a(ttssa{sv})":
        """(sequence, time usec, id, event, details) each, oldest first; at most `limit`, and not all for 0 either.
        Numbers have no gaps: when the first is not `after` + 1, those between are no longer kept."""
        events = await self._manager.list_events(after, limit)
        return await self._encoded("a(ttssa{sv})", len(events), lambda: wire_queue.events_to_wire(events))

    @method()
    @replies
    async def ListUnits(self) -> "a(ssssb)":
        """(name, kind, path, description, loaded); of a unit that is not loaded, see GetUnitProblems."""
        return wire_units.units_to_wire(await self._manager.catalogue())

    @method()
    @replies
    async def GetUnitProblems(self, name: "s") -> "a(susss)":
        """(file, line, key, severity, message); line 0 is the file as a whole."""
        return wire_units.problems_to_wire(await self._manager.catalogue(), name)

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

    @signal()
    def TaskChanged(self, sequence: int, id: str, state: str, details: dict[str, Variant]) -> "tssa{sv}":
        """A task is in a new state. ListEvents goes on from `sequence`."""
        return [sequence, id, state, details]

    @dbus_property(access=PropertyAccess.READ)
    def Version(self) -> "s":
        """Of the service."""
        return __version__

    @dbus_property(access=PropertyAccess.READ)
    def MemoryBudget(self) -> "t":
        """What all tasks together may use, in bytes."""
        return self._manager.figures().memory_budget

    @dbus_property(access=PropertyAccess.READ)
    def NotEnforced(self) -> "as":
        """What tasks declare and nothing holds them to, for want of a controller: memory, CPUs."""
        return list(self._manager.figures().not_enforced)

    @dbus_property(access=PropertyAccess.READ)
    def ChunksTotal(self) -> "u":
        """The same in chunks of 32M."""
        return self._manager.figures().chunks_total

    @dbus_property(access=PropertyAccess.READ)
    def ChunksFree(self) -> "u":
        """What running tasks leave of it; 0 where workorders took more."""
        return self._manager.figures().chunks_free

    @dbus_property(access=PropertyAccess.READ)
    def CPUsTotal(self) -> "u":
        """How many CPUs tasks may keep busy."""
        return self._manager.figures().cpus_total

    @dbus_property(access=PropertyAccess.READ)
    def CPUsFree(self) -> "u":
        """What running tasks leave of them."""
        return self._manager.figures().cpus_free

    @dbus_property(access=PropertyAccess.READ)
    def EstimatedSlotsRemaining(self) -> "au":
        """How many more tasks of one CPU would start now: tiny, small, medium, large ones."""
        return list(self._manager.figures().slots)

    @dbus_property(access=PropertyAccess.READ)
    def NRunning(self) -> "u":
        """Tasks that run."""
        return self._manager.figures().running

    @dbus_property(access=PropertyAccess.READ)
    def NQueued(self) -> "u":
        """Tasks that wait."""
        return self._manager.figures().queued

    @dbus_property(access=PropertyAccess.READ)
    def Draining(self) -> "b":
        """Whether nothing further is started."""
        return self._manager.figures().draining

    @dbus_property(access=PropertyAccess.READ)
    def Roots(self) -> "as":
        """Units with Root=yes, and the roots of what runs."""
        return list(self._manager.figures().roots)

    @dbus_property(access=PropertyAccess.READ)
    def Decommissioned(self) -> "as":
        """Roots that execute nothing further."""
        return list(self._manager.figures().decommissioned)
