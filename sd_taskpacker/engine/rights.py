# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what to which task. All of it raises AccessDenied."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final

from sd_taskpacker.engine.ports import Authority
from sd_taskpacker.errors import AccessDenied, TaskpackerError
from sd_taskpacker.model.args import parse_args
from sd_taskpacker.model.deed import Deed, Permit
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Catalogue, Kind, TaskUnit

_ROOT: Final = frozenset({"root", "0"})

_HINTS: Final = {
    Permit.NO: "the rules for {action} do not allow it, and nobody gave a password",
    Permit.CHALLENGE: "by the rules for {action} it takes a password, and this call does not wait for one",
}
"""Where polkit has decided, or would have."""


class Rights:
    """Asks whoever decides, before anything is decided in the loop, which never waits for it. Answers the caller with
    what was permitted; all else about him is from the bus's credentials and stays as it was."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def submitter(
        self,
        caller: Caller,
        kind: Kind,
        requests: Sequence[Request],
        catalogue: Catalogue,
        *,
        default_user: str | None,
    ) -> Caller:
        """One question for each unit, about the largest of its tasks, and another one for each that runs as root and
        is to be given arguments. A unit that is not there is left to the check of the requests. `default_user`: whom
        tasks run as whose unit does not say."""
        if not caller.ruled:
            must_submit(caller)
        for unit, chunks in _units(kind, requests, catalogue):
            await self._check_lists(caller, unit)
            await self._ask(caller, Deed.of_unit(unit, chunks), f"submit '{unit.name}'")
            appends = any(request.unit == unit.name and "argv" in request.args for request in requests)
            if appends and (unit.user or default_user) in _ROOT:
                await self._check_appending(caller, unit, chunks)
        return dataclasses.replace(caller, may_submit=True)

    async def owner(self, caller: Caller, task: Task, verb: str) -> Caller:
        """For what the submitter of a task may do to it, and whoever manages."""
        if not caller.ruled:
            must_own(caller, task, verb)
            return caller
        if caller.uid != task.uid:
            return await self.manager(caller, verb, task=task)
        await self._ask(caller, Deed.of_owner(task, verb), f"{verb} {task.id}")
        return dataclasses.replace(caller, may_submit=True)

    async def manager(self, caller: Caller, verb: str, *, task: Task | None = None, root: str = "") -> Caller:
        if not caller.ruled:
            must_manage(caller)
            return caller
        what = f"{verb} {task.id if task else root}".rstrip()
        await self._ask(caller, Deed.of_manager(verb, task=task, root=root), what)
        return dataclasses.replace(caller, may_manage=True)

    async def _ask(self, caller: Caller, deed: Deed, words: str) -> None:
        if not caller.ruled:
            return
        permit = await self._authority.permits(caller, deed)
        if permit is not Permit.YES:
            raise AccessDenied(f"uid {caller.uid} may not {words}", hint=_HINTS[permit].format(action=deed.action))

    async def _check_appending(self, caller: Caller, unit: TaskUnit, chunks: int) -> None:
        """What an admin lets root execute may do anything with other arguments: find has -exec."""
        if caller.ruled:
            permitted = await self._authority.permits(caller, Deed.of_appending(unit, chunks)) is Permit.YES
        else:
            permitted = caller.may_manage
        if not permitted:
            raise AccessDenied(
                f"uid {caller.uid} may not append arguments (argv) to the command of '{unit.name}', which runs as"
                " root (User=root): that takes who may manage",
                hint=f"an admin can declare what callers may choose as a [Parameter] in {unit.path}",
            )

    async def _check_lists(self, caller: Caller, unit: TaskUnit) -> None:
        """Holds for tasks, too: what asks is the user that they run as."""
        if caller.uid == 0 or not (unit.allow_users or unit.allow_groups):
            return
        if not await self._authority.is_among(caller.uid, unit.allow_users, unit.allow_groups):
            raise AccessDenied(
                f"uid {caller.uid} may not submit '{unit.name}': its AllowUsers= and AllowGroups= name others",
                hint=f"an admin can change that in {unit.path}, or in a drop-in",
            )


def _units(kind: Kind, requests: Iterable[Request], catalogue: Catalogue) -> list[tuple[TaskUnit, int]]:
    """The units that are asked for, each with the size (chunks) of the largest of its tasks."""
    largest: dict[str, tuple[TaskUnit, int]] = {}
    for request in requests:
        unit = catalogue.find(kind, request.unit)
        if unit is not None:
            _, before = largest.get(unit.name, (unit, 0))
            largest[unit.name] = unit, max(before, _chunks(request, unit))
    return list(largest.values())


def _chunks(request: Request, unit: TaskUnit) -> int:
    try:
        given = parse_args({"size": request.args["size"]}, unit.kind, now=0).chunks
    except (KeyError, TaskpackerError):  # What is wrong with it, the check of the requests tells.
        return unit.chunks
    return unit.chunks if given is None else given


def must_submit(caller: Caller) -> None:
    if not caller.may_submit:
        raise AccessDenied(
            f"uid {caller.uid} may not submit", hint="only root, the configured group (taskpacker) and tasks may"
        )


def must_manage(caller: Caller) -> None:
    if not caller.may_manage:
        raise AccessDenied(
            f"uid {caller.uid} may not manage", hint="only root and the configured group (taskpacker) may"
        )


def must_own(caller: Caller, task: Task, deed: str) -> None:
    """Its submitter may, as long as he may submit, and whoever manages; a task never."""
    if not (caller.may_manage or (caller.task is None and caller.may_submit and caller.uid == task.uid)):
        raise AccessDenied(
            f"{task.id} belongs to uid {task.uid}", hint=f"only its submitter or a manager may {deed} it"
        )
