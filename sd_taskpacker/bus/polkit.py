# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkit, which decides by the admin's rules what somebody may do; where there is none, the group and root may.

A question is asked without a dialog first. Only when polkit answers that a password would do, and the caller has
said that it waits, the question is asked again with one; it is taken back when the caller leaves meanwhile.

Questions wait for people. So each has a time limit, and they are few: the connection has room for 64 calls under
way, and whoever starts tasks needs some of that.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from dbus_next import DBusError, Message, MessageType, Variant

from sd_taskpacker.bus.callers import is_among
from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.names import BUS
from sd_taskpacker.errors import AccessDenied, LimitExceeded, Unreachable
from sd_taskpacker.model.deed import Action, Deed, Permit
from sd_taskpacker.model.request import Caller

log = logging.getLogger(__name__)

POLKIT: Final = "org.freedesktop.PolicyKit1"
POLKIT_PATH: Final = "/org/freedesktop/PolicyKit1/Authority"
AUTHORITY: Final = POLKIT + ".Authority"

PATIENCE: Final = 10.0
"""Seconds for an answer by the rules alone."""
DIALOG_PATIENCE: Final = 80.0
"""Seconds for a person; below the 90 s after which taskpackerctl gives up."""
OF_ONE_AT_ONCE: Final = 4
"""Of one user: others need not wait until all of his are answered."""
WAITING_OF_ONE: Final = 1_000
DIALOGS: Final = 16
DIALOGS_OF_ONE: Final = 2
REMEMBERED: Final = 256

_ALLOW_USER_INTERACTION = 1
_SYSTEMD = "org.freedesktop.systemd1."
_ABSENT = {BUS + ".Error.ServiceUnknown", BUS + ".Error.NameHasNoOwner", _SYSTEMD + "NoSuchUnit"}
_ABSENT |= {_SYSTEMD + "UnitMasked", BUS + ".Error.Spawn.ServiceNotFound"}


class Polkit:
    """engine.ports.Authority. `group` names the configured group, which the shipped rule is about."""

    def __init__(self, bus: Connection, *, group: Callable[[], str]) -> None:
        self._bus = bus
        self._group = group
        self._numbers = itertools.count(1)
        self._waiting: Counter[int] = Counter()
        self._turns: dict[int, asyncio.Semaphore] = {}
        self._dialogs: Counter[int] = Counter()
        self._leaving: dict[str, list[asyncio.Task[Permit | None]]] = {}
        self._submitters: OrderedDict[int, None] = OrderedDict()
        bus.add_message_handler(self._note_leaving)

    async def permits(self, caller: Caller, deed: Deed) -> Permit:
        if not caller.ruled:
            return _known(caller, deed.action)
        permit = await self._by_rules(caller, deed)
        if permit is Permit.CHALLENGE and caller.interactive:
            permit = await self._by_dialog(caller, deed)
        if permit is None:
            permit = _known(caller, deed.action)
        elif permit is Permit.YES and deed.action is not Action.MANAGE:
            self._remember(caller.uid)
        return permit

    async def is_among(self, uid: int, users: Sequence[str], groups: Sequence[str]) -> bool:
        return await asyncio.to_thread(is_among, uid, users, groups)

    async def submits(self, caller: Caller) -> bool:
        """Whether what he sends is worth reading, large as it is: he is in the group, has submitted before, or may
        submit whatever unit it is. Nothing is permitted by that."""
        if caller.may_submit or caller.uid in self._submitters:
            return True
        deed = Deed(action=Action.SUBMIT, verb="submit")
        return caller.ruled and await self._by_rules(caller, deed) is Permit.YES

    async def _by_rules(self, caller: Caller, deed: Deed) -> Permit | None:
        """None when there is no polkit."""
        if self._waiting[caller.uid] >= WAITING_OF_ONE:
            raise LimitExceeded(f"polkit is still to be asked {WAITING_OF_ONE} questions about uid {caller.uid}")
        turns = self._turns.setdefault(caller.uid, asyncio.Semaphore(OF_ONE_AT_ONCE))
        try:
            with _counted(self._waiting, caller.uid):
                async with turns:
                    return await self._ask(caller, deed, 0, "", PATIENCE)
        finally:
            if caller.uid not in self._waiting:
                self._turns.pop(caller.uid, None)

    async def _by_dialog(self, caller: Caller, deed: Deed) -> Permit | None:
        if self._dialogs[caller.uid] >= DIALOGS_OF_ONE or self._dialogs.total() >= DIALOGS:
            raise LimitExceeded("too many questions for a password are open", hint="answer those first, or try later")
        with _counted(self._dialogs, caller.uid):
            rule = f"type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{caller.name}'"
            await self._bus.ask_bus("AddMatch", "s", rule)
            try:
                return await self._until_he_leaves(caller, deed)
            finally:
                with suppress(DBusError, Unreachable):
                    await self._bus.ask_bus("RemoveMatch", "s", rule)

    async def _until_he_leaves(self, caller: Caller, deed: Deed) -> Permit | None:
        # polkit keeps these names apart by who asks, so a number is enough.
        cancellation = f"question-{next(self._numbers)}"
        question = asyncio.create_task(
            self._ask(caller, deed, _ALLOW_USER_INTERACTION, cancellation, DIALOG_PATIENCE)
        )
        self._leaving.setdefault(caller.name, []).append(question)
        try:
            # He may have left before anybody listened for it.
            if not (await self._bus.ask_bus("NameHasOwner", "s", caller.name))[0]:
                question.cancel()
            await asyncio.wait([question])
            if question.cancelled():
                self._take_back(cancellation)
                raise AccessDenied(f"{caller.name} left before polkit had an answer")
            return question.result()
        finally:
            question.cancel()
            asked = self._leaving[caller.name]
            asked.remove(question)
            if not asked:
                del self._leaving[caller.name]

    async def _ask(self, caller: Caller, deed: Deed, flags: int, cancellation: str, patience: float) -> Permit | None:
        subject = ["system-bus-name", {"name": Variant("s", caller.name)}]
        arguments = (subject, str(deed.action), self._details(caller, deed), flags, cancellation)
        try:
            [[is_authorized, is_challenge, _]] = await self._bus.ask(
                POLKIT,
                POLKIT_PATH,
                AUTHORITY,
                "CheckAuthorization",
                "(sa{sv})sa{ss}us",
                arguments,
                patience=patience,
            )
        except DBusError as error:
            if error.type in _ABSENT:
                return None
            log.warning("polkit does not answer whether uid %d may %s: %s", caller.uid, deed.verb, error.text)
            raise AccessDenied("polkit gives no answer", hint="an admin finds the reason in the journal") from error
        except Unreachable as error:
            if cancellation:
                self._take_back(cancellation)
            raise AccessDenied(f"polkit gave no answer within {patience:g} s", hint="try again") from error
        if is_authorized:
            return Permit.YES
        return Permit.CHALLENGE if is_challenge else Permit.NO

    def _details(self, caller: Caller, deed: Deed) -> dict[str, str]:
        """What a rule finds with action.lookup()."""
        return {
            "verb": deed.verb,
            "unit": deed.unit,
            "root": deed.root,
            "size": "" if deed.size is None else str(deed.size),
            "uid": str(caller.uid),
            "group": self._group(),
        }

    def _take_back(self, cancellation: str) -> None:
        self._bus.tell(POLKIT, POLKIT_PATH, AUTHORITY, "CancelCheckAuthorization", "s", [cancellation])

    def _note_leaving(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL or message.member != "NameOwnerChanged":
            return
        if message.sender == BUS and message.signature == "sss" and not message.body[2]:
            for question in self._leaving.get(message.body[0], ()):
                question.cancel()

    def _remember(self, uid: int) -> None:
        self._submitters[uid] = None
        self._submitters.move_to_end(uid)
        if len(self._submitters) > REMEMBERED:
            self._submitters.popitem(last=False)


def _known(caller: Caller, action: Action) -> Permit:
    """What is known of the caller without polkit."""
    may = caller.may_manage if action is Action.MANAGE else caller.may_submit
    return Permit.YES if may else Permit.NO


@contextmanager
def _counted(counter: Counter[int], uid: int) -> Iterator[None]:
    counter[uid] += 1
    try:
        yield
    finally:
        counter[uid] -= 1
        if not counter[uid]:
            del counter[uid]
