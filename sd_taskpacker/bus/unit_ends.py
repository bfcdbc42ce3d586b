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
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from dbus_next import DBusError, Message, MessageType

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.names import BUS, BUS_PATH, PROPERTIES
from sd_taskpacker.bus.systemd_manager import (
    DEAD,
    MANAGER,
    SYSTEMD,
    SYSTEMD_PATH,
    UNIT,
    SystemdManager,
    UnitStatus,
    unit_path,
)
from sd_taskpacker.engine.ports import DONE, STOPPED, UNSURE
from sd_taskpacker.errors import Unreachable
from sd_taskpacker.model.names import UNIT_PREFIX, UNIT_SUFFIX, TaskId

log = logging.getLogger(__name__)

COMING: Final = 10.0
"""Seconds that systemd has to come to the bus."""
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
    lasting: bool = False
    """Its start job, if there is one, lasts until its end (Type=oneshot)."""
    taken: bool = False
    """systemd has answered our start, or had the unit before. Until then "not there" does not mean "over"."""
    unsure: bool = False
    """Our start was not answered, and the unit was not seen since."""
    listening: bool = False
    start_job: str | None = None
    """Object path of its start job; empty when that was over before us, None when it is not known yet."""
    note: str = ""
    subscribed: bool = False
    """Its signals come only while we are subscribed to all of systemd's."""


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
        self._present = asyncio.Event()
        self._watches: dict[str, _Watch] = {}
        self._adopted: dict[str, _Watch] = {}
        """Those to be looked at together."""
        self._looks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Raises Unreachable when systemd is not on this bus."""
        self._bus.add_message_handler(self._on_message)
        await self._bus.ask_bus("AddMatch", "s", _OWNER)
        await self._bus.ask_bus("AddMatch", "s", _JOBS)
        try:
            [self._owner] = await self._bus.ask_bus("GetNameOwner", "s", SYSTEMD)
            self._present.set()
        except DBusError as error:
            # A user's manager comes to the bus that it has started itself, and we may be there first.
            try:
                async with asyncio.timeout(COMING):
                    await self._present.wait()
            except TimeoutError:
                raise Unreachable(f"systemd is not on this bus: {error.text}") from error

    async def systemd_present(self) -> None:
        """Returns at once but while systemd executes itself anew: then when it is back."""
        await self._present.wait()

    async def expect(self, task_id: TaskId, *, by_job: bool) -> None:
        """Before the start is sent. `by_job`: the start job will last until the task's end."""
        path = unit_path(task_id.unit_name)
        watch = self._watches[path] = _Watch(id=task_id, by_job=by_job, lasting=by_job)
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
            watch.unsure = True
        else:
            watch.start_job = job
        watch.taken = True
        self._look(path)

    def adopt(self, task_id: TaskId, start_job: str | None = None, *, by_job: bool) -> None:
        """A unit that an earlier daemon started. All that are adopted together are looked at together. `start_job` as
        it was seen just before: a stop may come before our own first look, and would else pass for the end of the
        start. `by_job`: its start job lasts until the task's end."""
        path = unit_path(task_id.unit_name)
        if path not in self._watches:
            watch = self._watches[path] = _Watch(
                id=task_id, by_job=False, lasting=by_job, taken=True, start_job=start_job
            )
            self._settle_with_others(path, watch)

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
        if owner:
            self._present.set()
        else:
            self._present.clear()
        for path, watch in list(self._watches.items()) if owner else []:
            if watch.taken:
                watch.by_job = watch.listening = watch.subscribed = False
                self._settle_with_others(path, watch)

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
            self._spawn(self._settle(path, watch, doubtful))

    def _spawn(self, look: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(look)
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    def _settle_with_others(self, path: str, watch: _Watch) -> None:
        self._adopted[path] = watch
        if len(self._adopted) == 1:
            self._spawn(self._settle_adopted())

    async def _settle_adopted(self) -> None:
        """Where a start job lasts, its JobRemoved will tell the end, since we subscribe; the others are followed."""
        statuses: dict[str, UnitStatus] = {}
        # Not before those that are adopted together are all there: they come without a pause.
        await asyncio.sleep(0)
        adopted, self._adopted = self._adopted, {}
        # Said beforehand, or the end of what alone was listened to so far would take the subscription from them.
        for watch in adopted.values():
            watch.subscribed = True
        try:
            await self._manager.subscribe()
            listed = await self._manager.loaded(f"{UNIT_PREFIX}*{UNIT_SUFFIX}")
            statuses = {unit_path(status.unit): status for status in listed}
        except (DBusError, Unreachable) as error:
            log.warning("Each adopted unit is looked at by itself: %s", error)
        for path, watch in adopted.items():
            status = statuses.get(path)
            lasts = status is not None and status.start_job if watch.lasting else None
            if lasts and self._watches.get(path) is watch and not watch.listening:
                watch.start_job = lasts
                watch.by_job = True
            else:
                watch.subscribed = False
                self._look(path)

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
        watch.unsure &= status.missing
        if status.over:
            watch.note = watch.note or (UNSURE if watch.unsure else "")
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
        if watch and (watch.listening or watch.subscribed):
            self._mute(path, watch)

    def _mute(self, path: str, watch: _Watch) -> None:
        for rule in () if watch.subscribed and not watch.listening else _rules(path, watch.id.unit_name):
            self._bus.tell(BUS, BUS_PATH, BUS, "RemoveMatch", "s", [rule])
        if not any(other.listening or other.subscribed for other in self._watches.values()):
            self._manager.unsubscribe()


def _rules(path: str, unit: str) -> tuple[str, str]:
    # A comma, an apostrophe or a backslash would need quoting in a rule; unit names of ours have only the last,
    # and inside apostrophes it stands for itself (D-Bus specification, "Match Rules").
    sender = f"type='signal',sender='{SYSTEMD}'"
    changed = f"{sender},path='{path}',interface='{PROPERTIES}',member='PropertiesChanged',arg0='{UNIT}'"
    removed = f"{sender},path='{SYSTEMD_PATH}',interface='{MANAGER}',member='UnitRemoved',arg0='{unit}'"
    return changed, removed
