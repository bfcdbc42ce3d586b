# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who calls: from the bus's credentials of the connection, never from what the caller says."""

from __future__ import annotations

import asyncio
import dataclasses
import grp
import os
import pwd
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from dbus_next import DBusError, Message, Variant

from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.gate import Judge
from sd_taskpacker.errors import AccessDenied, InvalidArgs, TaskpackerError
from sd_taskpacker.model.names import OBJECT_ROOT, TaskId
from sd_taskpacker.model.request import Caller

REMEMBERED: Final = 256
"""Callers kept. The bus never uses a unique name twice, so what was true of one stays true; like a login session,
a client sees a new group membership when it connects again."""


_LARGE_MEMBERS = ("BatchSubmit", "BatchQueue", "BatchTest", "WorkorderStart")


class Callers:
    """`unit_of_pid` names the *system* unit of a process (for a user instance: the user unit), as
    sd_pid_get_unit(3) does; anybody may name a unit of their own user manager like one of ours. For a process that
    is gone it raises ProcessLookupError.

    `own_uid` is for a user instance: that user may do everything, nobody else anything.
    """

    def __init__(
        self,
        bus: Connection,
        *,
        unit_of_pid: Callable[[int], str | None],
        group: str = "taskpacker",
        own_uid: int | None = None,
    ) -> None:
        self._bus = bus
        self._unit_of_pid = unit_of_pid
        self._group = group
        self._task_user: str | None = None
        self._own_uid = own_uid
        self._known: OrderedDict[str, Caller] = OrderedDict()

    def trust(self, group: str, task_user: str | None) -> None:
        """From now on this group, for those who are known already too; `task_user` is whom tasks run as, which is
        not trusted for being in the group. Who is known is judged anew only when one of them changed: the process
        behind an older connection may be gone by now."""
        if (group, task_user) != (self._group, self._task_user):
            self._group, self._task_user = group, task_user
            self._known = OrderedDict()

    @property
    def group(self) -> str:
        return self._group

    async def find(self, sender: str) -> Caller:
        """Raises AccessDenied when nobody can tell (any more) who the sender is, and Unreachable."""
        caller = self._known.get(sender)
        if caller is None:
            known = self._known
            caller = await self._ask(sender)
            known[sender] = caller  # Of no use to anybody when trust() has begun a new list meanwhile.
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(sender)
        return caller

    async def _ask(self, sender: str) -> Caller:
        try:
            [credentials] = await self._bus.ask_bus("GetConnectionCredentials", "s", sender)
        except DBusError as error:
            raise AccessDenied(f"the bus does not say who {sender} is: {error.text}") from error
        uid = _number(credentials, "UnixUserID")
        if uid is None:
            raise AccessDenied(f"the bus does not say which user {sender} is")
        # Both may wait: the one for /proc, the other for a directory service behind NSS.
        caller = await asyncio.to_thread(self._judge, uid, _number(credentials, "ProcessID"))
        return dataclasses.replace(caller, name=sender)

    def _judge(self, uid: int, pid: int | None) -> Caller:
        unit = self._unit_of(pid)
        task = TaskId.from_unit_name(unit) if unit else None
        trusted = uid == self._own_uid if self._own_uid is not None else uid == 0 or self._is_member(uid)
        # A task may ask for more tasks, but whatever runs inside one never manages the others, not even as root.
        may_submit = trusted or (task is not None and self._own_uid is None)
        # polkit knows users only: it cannot tell a task from a person, and whoever tasks run as is in the group.
        ruled = self._own_uid is None and uid != 0 and task is None and not _is_user(uid, self._task_user)
        return Caller(uid=uid, may_manage=trusted and task is None, may_submit=may_submit, task=task, ruled=ruled)

    def _unit_of(self, pid: int | None) -> str | None:
        """A task's child that connects, hands its socket on and exits must not pass for no task at all. So nobody
        is let in without a living process to look at, root neither: a task may run as root."""
        if not pid:
            raise AccessDenied("the bus does not say which process you are, so whether a task asks cannot be told")
        try:
            return self._unit_of_pid(pid)
        except ProcessLookupError:
            raise AccessDenied(
                f"process {pid}, which opened this connection, is gone, so whether a task asks cannot be told",
                hint="call from a process that opens its own connection and waits for the answer",
            ) from None

    def _is_member(self, uid: int) -> bool:
        # The group of that name is the primary group of the user that tasks run as.
        return not _is_user(uid, self._task_user) and is_member(uid, self._group)


def _is_user(uid: int, name: str | None) -> bool:
    """By number, for several names may share one."""
    try:
        return name is not None and pwd.getpwnam(name).pw_uid == uid
    except KeyError:
        return False


def is_member(uid: int, group: str) -> bool:
    """Whether the user is in the group now. False for a group or user that does not exist."""
    try:
        wanted = grp.getgrnam(group).gr_gid
        user = pwd.getpwuid(uid)
    except KeyError:
        return False
    return wanted in os.getgrouplist(user.pw_name, user.pw_gid)


def is_among(uid: int, users: Sequence[str], groups: Sequence[str]) -> bool:
    """Whether the user is one of `users`, names or numbers, or in one of `groups`."""
    named = any(user == str(uid) if user.isdecimal() else _is_user(uid, user) for user in users)
    return named or any(is_member(uid, group) for group in groups)


def _number(credentials: Mapping[str, Variant], key: str) -> int | None:
    value: Any = credentials[key].value if key in credentials else None
    return value if isinstance(value, int) else None


def judge_large(callers: Callers, submits: Callable[[Caller], Awaitable[bool]]) -> Judge:
    """For Connection.guard: large requests are for those who may submit, as `submits` tells, and for submitting
    only."""

    async def judge(message: Message) -> TaskpackerError | None:
        if message.path != OBJECT_ROOT or message.member not in _LARGE_MEMBERS:
            return InvalidArgs(f"{message.member} takes no request of this size")
        caller = await callers.find(message.sender or "")
        if await submits(caller):
            return None
        hint = "whom polkit lets submit some units only begins with a small request, and may send a large one then"
        return AccessDenied(f"uid {caller.uid} may not submit so much at once", hint=hint)

    return judge
