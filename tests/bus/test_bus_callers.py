# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what; the credentials come from a real bus, users and groups from stand-ins."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from dbus_next import Message

from sd_taskpacker.bus import callers
from sd_taskpacker.bus.callers import Callers, judge_large
from sd_taskpacker.errors import AccessDenied
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller
from tests.bus.private_bus import Dial, unique

TASK_UNIT = TaskId.parse("build@1").unit_name


def no_unit(pid: int) -> str | None:
    return None


def task_unit(pid: int) -> str | None:
    return TASK_UNIT if pid == os.getpid() else None


async def test_process_of_a_task_is_recognised_and_never_manages(dial: Dial) -> None:
    bus, client = await dial(), await dial()
    caller = await Callers(bus, unit_of_pid=task_unit).find(unique(client))
    assert caller == Caller(uid=os.getuid(), may_manage=False, may_submit=True, task=TaskId.parse("build@1"))


async def test_process_of_another_unit_is_no_task(dial: Dial) -> None:
    bus = await dial()
    caller = await Callers(bus, unit_of_pid=lambda _: "cron.service").find(unique(bus))
    assert caller.task is None


async def test_answer_is_remembered_but_not_for_ever(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "REMEMBERED", 1)
    bus, other = await dial(), await dial()
    asked: list[int] = []

    def note(pid: int) -> str | None:
        asked.append(pid)
        return None

    known = Callers(bus, unit_of_pid=note)
    for one in (bus, bus, other, other, bus):
        await known.find(unique(one))
    assert asked == [os.getpid()] * 3


async def test_sender_that_left_has_no_access(dial: Dial) -> None:
    with pytest.raises(AccessDenied, match=":1.999"):
        await Callers(await dial(), unit_of_pid=no_unit).find(":1.999")


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Group packers (gid 70) has ann (uid 1000) and is the primary one of user packers (uid 70); bob is outside."""
    users = {1000: ("ann", 1000), 1001: ("bob", 1001), 70: ("packers", 70)}
    groups = {"ann": [1000, 70], "bob": [1001], "packers": [70]}
    monkeypatch.setattr(grp, "getgrnam", lambda name: SimpleNamespace(gr_gid={"packers": 70}[name]))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name=users[uid][0], pw_gid=users[uid][1]))
    uids = {name: uid for uid, (name, _) in users.items()}
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=uids[name]))
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: groups[name])


@pytest.mark.parametrize(
    ("uid", "group", "trusted"),
    [
        (0, "packers", True),
        (1000, "packers", True),
        (1001, "packers", False),
        (1000, "none", False),
        (0, "none", True),
    ],
)
@pytest.mark.usefixtures("people")
async def test_root_and_the_group_are_trusted(dial: Dial, uid: int, group: str, trusted: bool) -> None:
    caller = Callers(await dial(), unit_of_pid=no_unit, group=group)._judge(uid, 1)
    assert (caller.may_manage, caller.may_submit) == (trusted, trusted)


@pytest.mark.parametrize(
    ("uid", "own_uid", "unit", "ruled"),
    [
        (1000, None, no_unit, True),
        (1001, None, no_unit, True),
        (0, None, no_unit, False),
        (1000, None, lambda pid: TASK_UNIT, False),
        (70, None, no_unit, False),
        (1000, 1000, no_unit, False),
    ],
)
@pytest.mark.usefixtures("people")
async def test_polkit_decides_about_people_but_root_and_not_in_a_user_instance(
    dial: Dial, uid: int, own_uid: int | None, unit: Callable[[int], str | None], ruled: bool
) -> None:
    known = Callers(await dial(), unit_of_pid=unit, own_uid=own_uid)
    known.trust("packers", "packers")
    assert known._judge(uid, 1).ruled is ruled


@pytest.mark.parametrize(
    ("users", "groups", "named"),
    [
        (["ann"], [], True),
        (["1000"], [], True),
        (["bob", "ann"], [], True),
        ([], ["packers"], True),
        (["bob"], ["packers"], True),
        (["bob"], [], False),
        (["1001", "nobody-of-that-name"], ["none"], False),
    ],
)
@pytest.mark.usefixtures("people")
def test_a_list_names_users_by_name_or_number_and_groups(users: list[str], groups: list[str], named: bool) -> None:
    assert callers.is_among(1000, users, groups) is named


@pytest.mark.usefixtures("people")
def test_user_without_an_entry_is_in_no_group() -> None:
    assert not callers.is_member(4242, "packers")


@pytest.mark.parametrize(("uid", "allowed"), [(1000, True), (1001, False), (0, False)])
async def test_user_instance_is_its_owners_alone(dial: Dial, uid: int, allowed: bool) -> None:
    caller = Callers(await dial(), unit_of_pid=no_unit, own_uid=1000)._judge(uid, 1)
    assert (caller.may_manage, caller.may_submit) == (allowed, allowed)


def gone(pid: int) -> str | None:
    raise ProcessLookupError


@pytest.mark.parametrize("own_uid", [None, 1000])
@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.usefixtures("people")
async def test_nobody_is_let_in_whose_process_is_gone_or_unknown(dial: Dial, uid: int, own_uid: int | None) -> None:
    known = Callers(await dial(), unit_of_pid=gone, group="packers", own_uid=own_uid)
    with pytest.raises(AccessDenied, match="process 7, which opened this connection, is gone"):
        known._judge(uid, 7)
    with pytest.raises(AccessDenied, match="does not say which process"):
        known._judge(uid, None)


@pytest.mark.usefixtures("people")
async def test_user_of_the_tasks_is_not_trusted_for_its_group(dial: Dial) -> None:
    known = Callers(await dial(), unit_of_pid=no_unit)
    known.trust("packers", "packers")
    caller = known._judge(70, 1)
    assert (caller.may_manage, caller.may_submit) == (False, False)
    assert known._judge(1000, 1).may_manage
    known.trust("packers", "nobody-of-that-name")
    assert known._judge(70, 1).may_manage


@pytest.mark.usefixtures("people")
async def test_task_that_is_known_stays_one_after_its_process_is_gone(dial: Dial) -> None:
    bus, client = await dial(), await dial()
    answers = [TASK_UNIT]
    known = Callers(bus, unit_of_pid=lambda _: answers.pop())
    known.trust("packers", None)
    first = await known.find(unique(client))
    known.trust("packers", None)
    assert await known.find(unique(client)) is first


@pytest.mark.parametrize("now", [("others", None), ("packers", "ann")])
@pytest.mark.usefixtures("people")
async def test_who_is_known_is_judged_anew_by_another_group_or_user(dial: Dial, now: tuple[str, str | None]) -> None:
    bus = await dial()
    answers = [None, TASK_UNIT]
    known = Callers(bus, unit_of_pid=lambda _: answers.pop())
    known.trust("packers", None)
    assert (await known.find(unique(bus))).task
    known.trust(*now)
    assert (await known.find(unique(bus))).task is None


async def test_a_large_request_is_read_for_submitting_and_from_who_may_submit(dial: Dial) -> None:
    bus, client = await dial(), await dial()
    known = Callers(bus, unit_of_pid=no_unit, own_uid=os.getuid())
    stranger = Callers(bus, unit_of_pid=no_unit, own_uid=os.getuid() + 1)

    async def by_flag(caller: Caller) -> bool:
        return caller.may_submit

    async def judged(by: Callers, member: str, path: str = "/org/sdtaskpacker1") -> str:
        message = Message(path=path, member=member, sender=unique(client))
        return type(await judge_large(by, by_flag)(message)).__name__

    for member in ("BatchSubmit", "BatchQueue", "BatchTest", "WorkorderStart"):
        assert await judged(known, member) == "NoneType"
        assert await judged(stranger, member) == "AccessDenied"
    assert await judged(known, "ListTasks") == "InvalidArgs"
    assert await judged(known, "BatchSubmit", "/elsewhere") == "InvalidArgs"
