# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the end of a task's unit is noticed.

* A batch task is a oneshot. Its start job lasts until the program and ExecStopPost= are over and no process is left;
  then systemd sends JobRemoved because we queued the job, without Subscribe() and without telling anything else. That
  signal is a broadcast (seen with systemd 252), so one match rule for it is needed, and it may be read before the
  reply to StartTransientUnit was: it is matched by unit name, never by job.
* Everything else (workorders, units of an earlier daemon, batch tasks that somebody stopped by hand) is followed:
  Subscribe() and match rules for exactly that unit. A signal is only the occasion to look; what counts is one answer
  of ListUnitsByNames.

How a stop by hand is noticed: it is a job. JobRemoved does not tell a job's type, but a unit has no other jobs than
its start and what people ask for. It comes before any answer that calls the unit over, for systemd sends it in the
moment in which the unit becomes inactive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dbus_next import DBusError, Message, MessageType

from sd_taskpacker.bus.connection import BUS, BUS_PATH, Connection
from sd_taskpacker.bus.systemd_manager import (
    DEAD,
    MANAGER,
    PROPERTIES,
    SYSTEMD,
    SYSTEMD_PATH,
    UNIT,
    SystemdManager,
    UnitStatus,
    unit_path,
)
from sd_taskpacker.engine.ports import DONE, STOPPED
from sd_taskpacker.errors import Unreachable
from sd_taskpacker.model.names import TaskId

log = logging.getLogger(__name__)

LOOK_AGAIN: Final = 5.0
"""Seconds until a look that failed is repeated."""

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


class UnitEnds:
    """Call `open` first. `ended(task_id, note)` is called on the loop, once per `expect` or `adopt` that was not
    dropped; the note is as in engine.ports.Launcher.

    Around a start: `expect`, then `taken`, or `drop` when it was refused. The end may be told before `taken`.
    """

    def __init__(self, bus: Connection, manager: SystemdManager, ended: Callable[[TaskId, str], None]) -> None:
        self._bus = bus
        self._manager = manager
        self._ended = ended
        self._owner = ""
        self._watches: dict[str, _Watch] = {}
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

    async def expect(self, task_id: TaskId, *, by_job: bool) -> None:
        """Before the start is sent. `by_job`: the start job will last until the task's end."""
        path = unit_path(task_id.unit_name)
        watch = self._watches[path] = _Watch(id=task_id, by_job=by_job)
        if not by_job:
            await self._listen(path, watch)

    def taken(self, task_id: TaskId, job: str | None) -> None:
        """systemd has the unit. `job` is the path of our start job; None when it is not ours or may not be."""
        path = unit_path(task_id.unit_name)
        watch = self._watches.get(path)
        if watch is None:
            return
        if job is None:
            watch.by_job = False
        else:
            watch.start_job = job
        watch.taken = True
        self._look(path)

    def adopt(self, task_id: TaskId, start_job: str | None = None) -> None:
        """A unit that an earlier daemon started. `start_job` as it was seen just before: a stop may come before our
        own first look, and would else pass for the end of the start."""
        path = unit_path(task_id.unit_name)
        self._watches.setdefault(path, _Watch(id=task_id, by_job=False, taken=True, start_job=start_job))
        self._look(path)

    def drop(self, task_id: TaskId) -> None:
        """There will be no end to tell."""
        self._forget(unit_path(task_id.unit_name))

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
            if state and state.value in DEAD:
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
                status = await self._manager.status(watch.id.unit_name)
            except (DBusError, Unreachable) as error:
                log.warning("Cannot see whether %s is over; trying again: %s", watch.id, error)
                heard = False
            else:
                if self._judge(path, watch, status, doubtful):
                    return
                doubtful = False
            if heard:
                return
            await asyncio.sleep(LOOK_AGAIN)

    def _judge(self, path: str, watch: _Watch, status: UnitStatus, doubtful: bool) -> bool:
        """Whether that was the end."""
        if self._watches.get(path) is not watch:
            return False
        if status.over:
            self._over(path)
            return True
        if watch.start_job is None:
            watch.start_job = status.start_job
        if doubtful and status.active == "active" and not status.job:
            watch.note = ""
        return False

    async def _listen(self, path: str, watch: _Watch) -> bool:
        """False when the bus or systemd refuses, for example beyond 512 match rules."""
        if watch.listening:
            return True
        watch.listening = True
        try:
            await self._manager.subscribe()
            for rule in _rules(path, watch.id.unit_name):
                await self._bus.ask_bus("AddMatch", "s", rule)
        except (DBusError, Unreachable) as error:
            log.warning("No signals about %s, so it is asked for: %s", watch.id, error)
            watch.listening = False
        if not watch.listening or self._watches.get(path) is not watch:
            self._mute(path, watch)
        return watch.listening

    def _forget(self, path: str) -> None:
        watch = self._watches.pop(path, None)
        if watch and watch.listening:
            self._mute(path, watch)

    def _mute(self, path: str, watch: _Watch) -> None:
        for rule in _rules(path, watch.id.unit_name):
            self._bus.tell(BUS, BUS_PATH, BUS, "RemoveMatch", "s", [rule])
        if not any(other.listening for other in self._watches.values()):
            self._manager.unsubscribe()


def _rules(path: str, unit: str) -> tuple[str, str]:
    # A comma, an apostrophe or a backslash would need quoting in a rule; unit names of ours have only the last,
    # and inside apostrophes it stands for itself (D-Bus specification, "Match Rules").
    sender = f"type='signal',sender='{SYSTEMD}'"
    changed = f"{sender},path='{path}',interface='{PROPERTIES}',member='PropertiesChanged',arg0='{UNIT}'"
    removed = f"{sender},path='{SYSTEMD_PATH}',interface='{MANAGER}',member='UnitRemoved',arg0='{unit}'"
    return changed, removed
