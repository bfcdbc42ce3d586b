# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd as the launcher: start, notice the end, kill, forget, and put the budget on the slices.

How an end is noticed:

* A batch task is a oneshot. Its start job lasts until the program and ExecStopPost= are over and no process is left;
  then systemd sends JobRemoved because we queued the job, without Subscribe() and without telling anything else. That
  signal is a broadcast (seen with systemd 252), so one match rule for it is needed, and it may be read before the
  reply to StartTransientUnit was: it is matched by unit name, never by job.
* Everything else (workorders, units of an earlier daemon, batch tasks that somebody stopped by hand) is followed:
  Subscribe() and match rules for exactly that unit. A signal is only the occasion to look; what counts is one answer
  of ListUnitsByNames, which tells state and job at one instant. A unit that waits for its job is "inactive" too.

How a stop by hand is noticed: it is a job. JobRemoved does not tell a job's type, but a unit has no other jobs than
its start and what people ask for. It comes before any answer that calls the unit over, for systemd sends it in the
moment in which the unit becomes inactive.
"""

from __future__ import annotations

import asyncio
import logging
import signal as signals
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbus_next import DBusError, Message, MessageFlag, MessageType

from sd_taskpacker.bus.connection import BUS, BUS_PATH, CALL_TIMEOUT, Connection
from sd_taskpacker.bus.properties import OUTPUT, Property, transient
from sd_taskpacker.bus.text import can_travel
from sd_taskpacker.bus.wire import variant_of
from sd_taskpacker.engine.ports import DONE, STOPPED, Budget, ObservedUnit, StartRefused
from sd_taskpacker.errors import Internal, InvalidArgs, Unreachable, WrongState
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.names import BATCH_SLICE, SLICE, UNIT_PREFIX, UNIT_SUFFIX, TaskId
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

log = logging.getLogger(__name__)

SYSTEMD: Final = "org.freedesktop.systemd1"
SYSTEMD_PATH: Final = "/org/freedesktop/systemd1"
MANAGER: Final = SYSTEMD + ".Manager"
UNIT: Final = SYSTEMD + ".Unit"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"

STARTS_IN_FLIGHT: Final = 8
"""More does not make systemd faster (measured: throughput hardly grows beyond 4)."""
LOOK_AGAIN: Final = 5.0
"""Seconds until a look that failed is repeated."""

_ALIVE = frozenset({"active", "activating", "deactivating", "reloading"})
_DEAD = frozenset({"inactive", "failed"})
_UNIT_EXISTS = SYSTEMD + ".UnitExists"
_NO_SUCH_UNIT = SYSTEMD + ".NoSuchUnit"
_ALREADY_SUBSCRIBED = SYSTEMD + ".AlreadySubscribed"
_MAY_HAVE_STARTED = frozenset(BUS + ".Error." + name for name in ("NoReply", "Timeout", "TimedOut", "Disconnected"))
"""systemd, or its connection, went away while it had our call."""

_JOBS = f"type='signal',sender='{SYSTEMD}',path='{SYSTEMD_PATH}',interface='{MANAGER}',member='JobRemoved'"
_OWNER = f"type='signal',sender='{BUS}',path='{BUS_PATH}',member='NameOwnerChanged',arg0='{SYSTEMD}'"


@dataclass(slots=True, kw_only=True)
class _Watch:
    """One task whose end was not told yet."""

    id: TaskId
    by_job: bool
    """The end is the JobRemoved of our own start job; otherwise the unit is followed."""
    taken: bool = False
    """systemd has answered our start, or had the unit before. Until then "not there" does not mean "over"."""
    listening: bool = False
    start_job: str | None = None
    """Object path of its start job; empty when that was over before us, None when it is not known yet."""
    note: str = ""


class Systemd:
    """engine.ports.Launcher; call `open` first.

    `ended(task_id, note)` is called on the loop, once per start or adopt; it may come before `start` has returned.
    `machine_cpus` is how many CPUs the machine has: a budget below that becomes a CPUQuota= of the slices.
    """

    def __init__(
        self,
        bus: Connection,
        *,
        ended: Callable[[TaskId, str], None],
        machine_cpus: int,
    ) -> None:
        self._bus = bus
        self._ended = ended
        self._machine_cpus = machine_cpus
        self._owner = ""
        self._watches: dict[str, _Watch] = {}
        self._starts = asyncio.Semaphore(STARTS_IN_FLIGHT)
        self._looks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Raises Unreachable when systemd is not on this bus."""
        self._bus.add_message_handler(self._on_message)
        await self._bus.ask_bus("AddMatch", "s", _OWNER)
        await self._bus.ask_bus("AddMatch", "s", _JOBS)
        try:
            [self._owner] = await self._bus.ask_bus("GetNameOwner", "s", SYSTEMD)
        except DBusError as error:
            raise Unreachable(f"systemd is not on this bus: {error.text}") from error

    async def manager_cgroup(self) -> str:
        """Where systemd's own cgroups begin; "" for PID 1. Raises Internal."""
        try:
            [value] = await self._bus.ask(SYSTEMD, SYSTEMD_PATH, PROPERTIES, "Get", "ss", [MANAGER, "ControlGroup"])
        except DBusError as error:
            raise Internal(f"systemd does not tell its cgroup: {error.text}") from error
        return str(value.value)

    async def observe(self) -> list[ObservedUnit]:
        """Raises Unreachable or Internal."""
        pattern = f"{UNIT_PREFIX}*{UNIT_SUFFIX}"
        try:
            [rows] = await self._call("ListUnitsByPatterns", "asas", [], [pattern])
        except DBusError as error:
            raise Internal(f"systemd does not list its units: {error.text}") from error
        found = [(TaskId.from_unit_name(row[0]), _Row.of(row)) for row in rows]
        return [ObservedUnit(task_id, row.alive) for task_id, row in found if task_id and not row.missing]

    async def start(self, task: Task, output: int) -> None:
        properties = self._properties(task)
        # A unit that sends its output elsewhere has no property for the descriptor.
        descriptors = [output for name, _ in properties if name == OUTPUT]
        path = unit_path(task.id.unit_name)
        watch = self._watches[path] = _Watch(id=task.id, by_job=task.kind is Kind.BATCH)
        try:
            if not watch.by_job:
                await self._listen(path, watch)
            watch.start_job = await self._start_unit(task, properties, descriptors)
        except DBusError as error:
            if error.type != _UNIT_EXISTS and error.type not in _MAY_HAVE_STARTED:
                self._forget(path)
                raise StartRefused(error.text or error.type) from error
            log.info("%s is already there or may be: %s", task.id, error.text)
            watch.by_job = False
        except BaseException:
            self._forget(path)
            raise
        watch.taken = True
        if not watch.by_job:
            self._look(path)

    async def adopt(self, task: Task) -> None:
        path = unit_path(task.id.unit_name)
        self._watches.setdefault(path, _Watch(id=task.id, by_job=False, taken=True))
        self._look(path)

    async def release(self, task_id: TaskId) -> None:
        try:
            await self._call("ResetFailedUnit", "s", task_id.unit_name)
        except DBusError as error:
            if error.type != _NO_SUCH_UNIT:
                log.warning("systemd keeps the failed unit of %s: %s", task_id, error.text)
        except Unreachable as error:  # The unit is only untidy; its task must be collected all the same.
            log.warning("systemd may keep the failed unit of %s: %s", task_id, error)

    async def kill(self, task_id: TaskId, signal: str) -> None:
        number = signal_number(signal)
        try:
            await self._call("KillUnit", "ssi", task_id.unit_name, "all", number)
        except DBusError as error:
            if error.type == _NO_SUCH_UNIT:
                raise WrongState(f"{task_id} is not running") from error
            raise WrongState(f"systemd did not send {signal} to {task_id}: {error.text}") from error

    async def enforce(self, budget: Budget) -> None:
        """Raises Internal with systemd's text. `runtime`: the daemon sets it again at every start."""
        quota = budget.cpus * 1_000_000 if budget.cpus < self._machine_cpus else INFINITY
        limits = [("MemoryMax", Value("t", budget.memory)), ("CPUQuotaPerSecUSec", Value("t", quota))]
        for name in (SLICE, BATCH_SLICE):
            try:
                await self._call("SetUnitProperties", "sba(sv)", name, True, _encoded(limits))
            except DBusError as error:
                raise Internal(f"systemd does not put the budget on {name}: {error.text}") from error

    def _properties(self, task: Task) -> list[Property]:
        properties = transient(task)
        for name, value in properties:
            if not can_travel(value.data):
                raise StartRefused(f"{name}= holds a NUL or is not UTF-8, which systemd cannot be told over D-Bus")
        return properties

    async def _start_unit(self, task: Task, properties: list[Property], descriptors: list[int]) -> str:
        """The start job's path. Has no time limit: if we gave up, systemd might start it later, behind our back. It
        answers, or the bus says that it is gone."""
        try:
            arguments: tuple[Any, ...] = (task.id.unit_name, "fail", _encoded(properties), [])
        except ValueError as error:
            raise StartRefused(f"a property does not fit its D-Bus type: {error}") from error
        async with self._starts:
            text = "systemd has not answered the start of %s for %g s; still waiting"
            late = asyncio.get_running_loop().call_later(CALL_TIMEOUT, log.warning, text, task.id, CALL_TIMEOUT)
            try:
                signature = "ssa(sv)a(sa(sv))"
                [job] = await self._call(
                    "StartTransientUnit", signature, *arguments, descriptors=descriptors, patience=None
                )
                return str(job)
            finally:
                late.cancel()

    def _on_message(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.sender == BUS and message.member == "NameOwnerChanged" and message.body[0] == SYSTEMD:
            self._on_owner(message.body[2])
        # Anybody may send us a signal that looks like systemd's; the sender's name is written by the bus.
        if message.sender != self._owner:
            return
        if message.interface == MANAGER and message.member == "JobRemoved":
            _, job, unit, result = message.body
            self._on_job(unit_path(unit), job, result)
        elif message.interface == MANAGER and message.member == "UnitRemoved":
            self._look(message.body[1])
        elif message.interface == PROPERTIES and message.body[0] == UNIT:
            state = message.body[1].get("ActiveState")
            if state and state.value in _DEAD:
                self._look(message.path or "")

    def _on_owner(self, owner: str) -> None:
        """systemd has executed itself anew (systemctl daemon-reexec): what it sent meanwhile may be lost."""
        self._owner = owner
        for path, watch in list(self._watches.items()) if owner else []:
            if watch.taken:
                watch.by_job = watch.listening = False
                self._look(path)

    def _on_job(self, path: str, job: str, result: str) -> None:
        watch = self._watches.get(path)
        if watch is None:
            return
        if watch.by_job and result in ("done", "failed"):
            watch.note = DONE if result == "done" else ""
            self._over(path)
            return
        if watch.by_job:
            # The job is gone but the unit may not be: "canceled" comes while it is still being stopped.
            watch.by_job, watch.taken = False, True
        another = watch.start_job is not None and job != watch.start_job
        if another or result == "canceled":
            watch.note = STOPPED
        self._look(path, doubtful=another)

    def _over(self, path: str) -> None:
        watch = self._watches[path]
        self._forget(path)
        self._ended(watch.id, watch.note)

    def _look(self, path: str, *, doubtful: bool = False) -> None:
        """`doubtful`: the note is taken back if the unit runs on: `systemctl start` of what runs is a job too."""
        watch = self._watches.get(path)
        if watch and watch.taken and not watch.by_job:
            look = asyncio.get_running_loop().create_task(self._settle(path, watch, doubtful))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _settle(self, path: str, watch: _Watch, doubtful: bool) -> None:
        """Ends the watch if its unit is over. Returns only when signals will tell the rest; else it asks on and on,
        for a task whose end is missed holds its memory for ever."""
        while self._bus.connected and self._watches.get(path) is watch:
            try:
                heard = await self._listen(path, watch)
                [[row]] = await self._call("ListUnitsByNames", "as", [watch.id.unit_name])
            except (DBusError, Unreachable) as error:
                log.warning("Cannot see whether %s is over; trying again: %s", watch.id, error)
                heard = False
            else:
                if self._take(path, watch, _Row.of(row), doubtful):
                    return
                doubtful = False
            if heard:
                return
            await asyncio.sleep(LOOK_AGAIN)

    def _take(self, path: str, watch: _Watch, row: _Row, doubtful: bool) -> bool:
        """Whether that was the end."""
        if self._watches.get(path) is not watch:
            return False
        if row.over:
            self._over(path)
            return True
        if watch.start_job is None:
            watch.start_job = row.start_job
        if doubtful and row.active == "active" and not row.job:
            watch.note = ""
        return False

    async def _listen(self, path: str, watch: _Watch) -> bool:
        """False when the bus or systemd refuses, for example beyond 512 match rules."""
        if watch.listening:
            return True
        watch.listening = True
        try:
            await self._subscribe()
            for rule in _rules(path, watch.id.unit_name):
                await self._bus.ask_bus("AddMatch", "s", rule)
        except (DBusError, Unreachable) as error:
            log.warning("No signals about %s, so it is asked for: %s", watch.id, error)
            watch.listening = False
        if not watch.listening or self._watches.get(path) is not watch:
            self._mute(path, watch)
        return watch.listening

    async def _subscribe(self) -> None:
        try:
            await self._call("Subscribe", "")
        except DBusError as error:
            if error.type != _ALREADY_SUBSCRIBED:
                raise

    def _forget(self, path: str) -> None:
        watch = self._watches.pop(path, None)
        if watch and watch.listening:
            self._mute(path, watch)

    def _mute(self, path: str, watch: _Watch) -> None:
        for rule in _rules(path, watch.id.unit_name):
            self._tell(BUS, BUS_PATH, BUS, "RemoveMatch", "s", rule)
        if not any(other.listening for other in self._watches.values()):
            self._tell(SYSTEMD, SYSTEMD_PATH, MANAGER, "Unsubscribe", "")

    def _tell(self, destination: str, path: str, interface: str, member: str, signature: str, *body: Any) -> None:
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_REPLY_EXPECTED,
        )
        self._bus.send(message)

    async def _call(
        self,
        member: str,
        signature: str,
        *body: Any,
        descriptors: Sequence[int] = (),
        patience: float | None = CALL_TIMEOUT,
    ) -> list[Any]:
        return await self._bus.ask(
            SYSTEMD, SYSTEMD_PATH, MANAGER, member, signature, body, descriptors=descriptors, patience=patience
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """What one row of ListUnits* says (org.freedesktop.systemd1(5)): (name, description, load state, active state,
    sub state, following, path, job id, job type, job path)."""

    missing: bool
    active: str
    job: bool
    start_job: str
    """Its object path, empty when the unit has no job or another one."""

    @classmethod
    def of(cls, row: list[Any]) -> _Row:
        return cls(row[2] == "not-found", row[3], row[7] != 0, row[9] if row[8] == "start" else "")

    @property
    def alive(self) -> bool:
        return self.active in _ALIVE or self.job

    @property
    def over(self) -> bool:
        return not self.job and (self.missing or self.active in _DEAD)


def unit_path(unit: str) -> str:
    """The unit's object path, as bus_label_escape() makes it (src/basic/bus-label.c)."""
    label = (
        c if c.isascii() and (c.isalpha() or (c.isdigit() and i)) else f"_{ord(c):02x}" for i, c in enumerate(unit)
    )
    return f"{SYSTEMD_PATH}/unit/{''.join(label)}"


def signal_number(name: str) -> int:
    """Raises InvalidArgs; whoever asked has been told more by the desk."""
    try:
        return signals.Signals["SIG" + name]
    except KeyError:
        raise InvalidArgs(f"{excerpt(name)} is not a signal") from None


def _rules(path: str, unit: str) -> tuple[str, str]:
    # A comma, an apostrophe or a backslash would need quoting in a rule; unit names of ours have only the last,
    # and inside apostrophes it stands for itself (D-Bus specification, "Match Rules").
    sender = f"type='signal',sender='{SYSTEMD}'"
    changed = f"{sender},path='{path}',interface='{PROPERTIES}',member='PropertiesChanged',arg0='{UNIT}'"
    removed = f"{sender},path='{SYSTEMD_PATH}',interface='{MANAGER}',member='UnitRemoved',arg0='{unit}'"
    return changed, removed


def _encoded(properties: list[Property]) -> list[list[Any]]:
    """`a(sv)`. Raises ValueError when data does not fit its signature."""
    return [[name, variant_of(value)] for name, value in properties]
