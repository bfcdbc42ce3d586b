# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd as the launcher: start, kill, forget, and put the budget on the slices. Ends are in `unit_ends`."""

from __future__ import annotations

import asyncio
import logging
import signal as signals
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from dbus_next import DBusError

from sd_taskpacker.bus.connection import CALL_TIMEOUT, Connection
from sd_taskpacker.bus.encoding import Encoded, element
from sd_taskpacker.bus.found import found
from sd_taskpacker.bus.names import BUS
from sd_taskpacker.bus.properties import OUTPUT, Property, transient
from sd_taskpacker.bus.systemd_manager import SERVICE, SYSTEMD, UNIT, SystemdManager
from sd_taskpacker.bus.text import can_travel
from sd_taskpacker.bus.unit_ends import UnitEnds
from sd_taskpacker.bus.wire import variant_of
from sd_taskpacker.engine.ports import DONE, Budget, FoundUnit, ObservedUnit, StartRefused
from sd_taskpacker.errors import Internal, InvalidArgs, Unreachable, WrongState
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.names import BATCH_SLICE, SLICE, UNIT_PREFIX, UNIT_SUFFIX, TaskId
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

log = logging.getLogger(__name__)

STARTS_IN_FLIGHT: Final = 8
"""More does not make systemd faster (measured: throughput hardly grows beyond 4)."""

_UNIT_EXISTS = SYSTEMD + ".UnitExists"
_NO_SUCH_UNIT = SYSTEMD + ".NoSuchUnit"
_MAY_HAVE_STARTED = frozenset(BUS + ".Error." + name for name in ("NoReply", "Timeout", "TimedOut", "Disconnected"))
"""systemd, or its connection, went away while it had our call."""
_NEVER_CAME = BUS + ".Error.ServiceUnknown", BUS + ".Error.NameHasNoOwner", BUS + ".Error.Spawn."
"""systemd executes itself anew, and nobody has the name meanwhile: the bus tries in vain to start it."""
ABSENCE: Final = 0.1
"""Seconds after which a call that found nobody is repeated."""


class Systemd:
    """engine.ports.Launcher; call `open` first.

    `ended(task_id, note)` is called on the loop, once per start or adopt; it may come before `start` has returned.
    `machine_cpus` is how many CPUs the machine has: a budget below that becomes a CPUQuota= of the slices, a quota as
    it is.
    `state_directory` is hidden from each task but for the task's own directory.
    """

    def __init__(
        self,
        bus: Connection,
        *,
        ended: Callable[[TaskId, str], None],
        machine_cpus: int,
        state_directory: str | None = None,
    ) -> None:
        self._manager = SystemdManager(bus)
        self._ended = ended
        self._ends = UnitEnds(bus, self._manager, self._on_end)
        self._gone: set[TaskId] = set()
        self._machine_cpus = machine_cpus
        self._state_directory = state_directory
        self._starts = asyncio.Semaphore(STARTS_IN_FLIGHT)
        self._start_jobs: dict[TaskId, str] = {}

    async def open(self) -> None:
        """Raises Unreachable when systemd is not on this bus."""
        await self._ends.open()

    async def manager_cgroup(self) -> str:
        """Where systemd's own cgroups begin; "" for PID 1. Raises Internal."""
        try:
            return str(await self._manager.get("ControlGroup"))
        except DBusError as error:
            raise Internal(f"systemd does not tell its cgroup: {error.text}") from error

    async def observe(self) -> list[ObservedUnit]:
        """Raises Unreachable or Internal."""
        try:
            units = await self._manager.loaded(f"{UNIT_PREFIX}*{UNIT_SUFFIX}")
        except DBusError as error:
            raise Internal(f"systemd does not list its units: {error.text}") from error
        found = [(TaskId.from_unit_name(status.unit), status) for status in units]
        self._start_jobs = {task_id: status.start_job for task_id, status in found if task_id and not status.missing}
        return [ObservedUnit(task_id, status.alive) for task_id, status in found if task_id and not status.missing]

    async def inspect(self, task_id: TaskId) -> FoundUnit | None:
        """Raises Unreachable."""
        try:
            unit = await self._manager.properties(task_id.unit_name, UNIT)
            service = await self._manager.properties(task_id.unit_name, SERVICE)
        except DBusError as error:
            log.warning("systemd does not tell about %s: %s", task_id, error.text)
            return None
        return found(task_id, unit, service)

    async def start(self, task: Task, output: int) -> None:
        properties, encoded = self._properties(task)
        # A unit that sends its output elsewhere has no property for the descriptor.
        descriptors = [output for name, _ in properties if name == OUTPUT]
        job: str | None = None
        try:
            await self._ends.expect(task.id, by_job=task.kind is Kind.BATCH)
            job = await self._start_unit(task, encoded, descriptors)
        except DBusError as error:
            if error.type != _UNIT_EXISTS and error.type not in _MAY_HAVE_STARTED:
                self._ends.drop(task.id)
                raise StartRefused(error.text or error.type) from error
            log.info("%s is already there or may be: %s", task.id, error.text)
        except BaseException:
            self._ends.drop(task.id)
            raise
        self._ends.taken(task.id, job)

    def _properties(self, task: Task) -> tuple[list[Property], Encoded]:
        """Raises StartRefused, and nothing else: what systemd was not asked for did not start."""
        try:
            properties = transient(task, self._state_directory)
            return properties, _encoded(properties)
        except StartRefused:
            raise
        except Exception as error:
            log.exception("%s: its unit cannot be described; this is a bug", task.id)
            raise StartRefused(f"its unit cannot be described: {error!r}") from error

    async def adopt(self, task: Task) -> None:
        self._ends.adopt(task.id, self._start_jobs.pop(task.id, None), by_job=task.kind is Kind.BATCH)

    async def release(self, task_id: TaskId) -> None:
        if task_id in self._gone:
            self._gone.discard(task_id)
            return
        try:
            await self._call_present("ResetFailedUnit", "s", task_id.unit_name, again=_MAY_HAVE_STARTED)
        except DBusError as error:
            if error.type != _NO_SUCH_UNIT:
                log.warning("systemd keeps the failed unit of %s: %s", task_id, error.text)
        except Unreachable as error:  # The unit is only untidy; its task must be collected all the same.
            log.warning("systemd may keep the failed unit of %s: %s", task_id, error)

    async def kill(self, task_id: TaskId, signal: str) -> None:
        number = signal_number(signal)
        try:
            # With "all", systemd calls it a success when there was no process to send it to.
            await self._manager.call("KillUnit", "ssi", task_id.unit_name, "all-fail", number)
        except DBusError as error:
            if error.type == _NO_SUCH_UNIT:
                raise WrongState(f"{task_id} is not running") from error
            raise WrongState(f"systemd did not send {signal} to {task_id}: {error.text}") from error

    async def enforce(self, budget: Budget) -> None:
        """Raises Internal with systemd's text. `runtime`: the daemon sets it again at every start."""
        time = budget.cpu_usec or budget.cpus * 1_000_000
        quota = time if time < self._machine_cpus * 1_000_000 else INFINITY
        limits = [("MemoryMax", Value("t", budget.memory)), ("CPUQuotaPerSecUSec", Value("t", quota))]
        for name in (SLICE, BATCH_SLICE):
            try:
                await self._manager.call("SetUnitProperties", "sba(sv)", name, True, _encoded(limits))
            except DBusError as error:
                raise Internal(f"systemd does not put the budget on {name}: {error.text}") from error

    def _on_end(self, task_id: TaskId, note: str) -> None:
        if note == DONE:  # A unit that ended well and is not kept is gone at once: there is nothing to reset.
            self._gone.add(task_id)
        self._ended(task_id, note)

    async def _start_unit(self, task: Task, properties: Encoded, descriptors: list[int]) -> str:
        """The start job's path. Has no time limit: if we gave up, systemd might start it later, behind our back. It
        answers, or the bus says that it is gone."""
        arguments = (task.id.unit_name, "fail", properties, ())
        async with self._starts:
            text = "systemd has not answered the start of %s for %g s; still waiting"
            late = asyncio.get_running_loop().call_later(CALL_TIMEOUT, log.warning, text, task.id, CALL_TIMEOUT)
            try:
                signature = "ssa(sv)a(sa(sv))"
                [job] = await self._call_present(
                    "StartTransientUnit", signature, *arguments, descriptors=descriptors, patience=None
                )
                return str(job)
            finally:
                late.cancel()

    async def _call_present(
        self,
        member: str,
        signature: str,
        *body: Any,
        descriptors: Sequence[int] = (),
        patience: float | None = CALL_TIMEOUT,
        again: frozenset[str] = frozenset(),
    ) -> list[Any]:
        """A call that waits for systemd while it executes itself anew. `again`: errors after which it may be made
        again, though systemd may have had it."""
        while True:
            await self._ends.systemd_present()
            try:
                return await self._manager.call(member, signature, *body, descriptors=descriptors, patience=patience)
            except DBusError as error:
                if not error.type.startswith(_NEVER_CAME) and error.type not in again:
                    raise
            await asyncio.sleep(ABSENCE)


def signal_number(name: str) -> int:
    """Raises InvalidArgs; whoever asked has been told more by the desk."""
    try:
        return signals.Signals["SIG" + name]
    except KeyError:
        raise InvalidArgs(f"{excerpt(name)} is not a signal") from None


def _encoded(properties: list[Property]) -> Encoded:
    """`a(sv)`. Raises StartRefused."""
    return Encoded([_element(name, value) for name, value in properties])


def _element(name: str, value: Value) -> bytes:
    if isinstance(value.data, str | int):
        return _scalar(name, value.signature, value.data)
    return _encoded_property(name, value)


@lru_cache(maxsize=512)
def _scalar(name: str, signature: str, data: str | int) -> bytes:
    """Most are the same for all tasks of a unit."""
    return _encoded_property(name, Value(signature, data))


def _encoded_property(name: str, value: Value) -> bytes:
    """`(sv)`."""
    if not can_travel(value.data):
        raise StartRefused(f"{name}= holds a NUL or is not UTF-8, which systemd cannot be told over D-Bus")
    try:
        return element("(sv)", (name, variant_of(value)))
    except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
        raise StartRefused(f"{name}= does not fit its D-Bus type '{value.signature}': {error}") from error
