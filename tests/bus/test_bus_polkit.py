# SPDX-License-Identifier: LGPL-2.1-or-later
"""What polkit is asked, and what becomes of its answer; polkit is a mock on a real bus."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from sd_taskpacker.bus import polkit as polkit_of_ours
from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.polkit import DIALOGS_OF_ONE, Polkit
from sd_taskpacker.errors import AccessDenied, LimitExceeded
from sd_taskpacker.model.deed import Action, Deed, Permit
from sd_taskpacker.model.request import Caller
from tests.bus.polkit_mock import CHALLENGE, NO, YES, PolkitMock
from tests.bus.private_bus import Dial, unique

DEED = Deed(action=Action.SUBMIT, verb="submit", unit="massif", root="massif", size=1 << 28)
ALL = Deed(action=Action.MANAGE, verb="drain")


def a_caller(client: Connection, **changes: Any) -> Caller:
    plain = Caller(uid=1000, may_manage=False, may_submit=False, ruled=True, name=unique(client))
    return dataclasses.replace(plain, **changes)


@dataclasses.dataclass
class Situation:
    polkit: Polkit
    mock: PolkitMock
    client: Connection


@pytest.fixture
async def at(dial: Dial) -> Situation:
    """One client, of whom polkit has to decide."""
    mock = PolkitMock(await dial())
    await mock.open()
    return Situation(Polkit(await dial(), group=lambda: "packers"), mock, await dial())


async def sees(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never seen")


async def test_a_rule_of_an_admin_finds_the_unit_and_whom_it_is_about(at: Situation) -> None:
    await at.polkit.permits(a_caller(at.client), DEED)
    await at.polkit.permits(a_caller(at.client), ALL)
    (subject, action, details, flags, _), about_all = at.mock.asked
    assert (subject[0], subject[1]["name"].value) == ("system-bus-name", unique(at.client))
    assert (action, flags) == ("org.sdtaskpacker1.submit", 0)
    assert details == {
        "verb": "submit",
        "unit": "massif",
        "root": "massif",
        "size": "268435456",
        "uid": "1000",
        "group": "packers",
    }
    assert about_all[1:3] == [
        "org.sdtaskpacker1.manage",
        {"verb": "drain", "unit": "", "root": "", "size": "", "uid": "1000", "group": "packers"},
    ]


@pytest.mark.parametrize(("answer", "permit"), [(YES, Permit.YES), (NO, Permit.NO), (CHALLENGE, Permit.CHALLENGE)])
@pytest.mark.parametrize("known", [True, False])
async def test_polkits_word_counts_and_not_the_group(
    at: Situation, answer: tuple[bool, bool], permit: Permit, known: bool
) -> None:
    at.mock.by_rules = answer
    caller = a_caller(at.client, may_submit=known, may_manage=known)
    assert await at.polkit.permits(caller, DEED) is permit
    assert at.mock.dialogs == []


async def test_whoever_is_no_matter_for_polkit_is_judged_by_what_is_known(at: Situation) -> None:
    root = a_caller(at.client, ruled=False, may_submit=True)
    assert await at.polkit.permits(root, DEED) is Permit.YES
    assert await at.polkit.permits(root, ALL) is Permit.NO
    assert at.mock.asked == []


@pytest.mark.parametrize("known", [True, False])
async def test_without_polkit_the_group_may_and_others_may_not(dial: Dial, known: bool) -> None:
    polkit, client = Polkit(await dial(), group=lambda: "packers"), await dial()
    caller = a_caller(client, may_submit=known, may_manage=known, interactive=True)
    for deed in (DEED, ALL):
        assert await polkit.permits(caller, deed) is (Permit.YES if known else Permit.NO)


async def test_a_polkit_that_fails_permits_nothing(at: Situation) -> None:
    at.mock.error = ("org.freedesktop.PolicyKit1.Error.Failed", "Action is not registered")
    with pytest.raises(AccessDenied, match="polkit gives no answer"):
        await at.polkit.permits(a_caller(at.client, may_submit=True), DEED)


@pytest.mark.parametrize(("answer", "permit"), [(YES, Permit.YES), (NO, Permit.NO)])
async def test_a_person_is_asked_when_the_call_allows_it(
    at: Situation, answer: tuple[bool, bool], permit: Permit
) -> None:
    at.mock.by_rules = CHALLENGE
    question = asyncio.create_task(at.polkit.permits(a_caller(at.client, interactive=True), DEED))
    await sees(lambda: bool(at.mock.dialogs))
    assert [asked[3] for asked in at.mock.asked] == [0, 1]
    at.mock.decide(answer)
    assert await question is permit
    assert at.mock.taken_back == []


async def test_nobody_is_bothered_whom_the_rules_let_pass(at: Situation) -> None:
    at.mock.by_rules = YES
    assert await at.polkit.permits(a_caller(at.client, interactive=True), DEED) is Permit.YES
    assert at.mock.dialogs == []


async def test_the_question_is_taken_back_when_the_caller_leaves(at: Situation) -> None:
    at.mock.by_rules = CHALLENGE
    question = asyncio.create_task(at.polkit.permits(a_caller(at.client, interactive=True), DEED))
    await sees(lambda: bool(at.mock.dialogs))
    await at.client.close()
    with pytest.raises(AccessDenied, match="left"):
        await question
    await sees(lambda: at.mock.taken_back == [at.mock.asked[1][4]])


async def test_nobody_is_asked_for_a_caller_who_has_left_already(at: Situation) -> None:
    at.mock.by_rules = CHALLENGE
    caller = a_caller(at.client, interactive=True)
    await at.client.close()
    with pytest.raises(AccessDenied, match="left"):
        await at.polkit.permits(caller, DEED)


async def test_a_question_that_nobody_answers_is_taken_back(at: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polkit_of_ours, "DIALOG_PATIENCE", 0.05)
    at.mock.by_rules = CHALLENGE
    with pytest.raises(AccessDenied, match="no answer within"):
        await at.polkit.permits(a_caller(at.client, interactive=True), DEED)
    await sees(lambda: len(at.mock.taken_back) == 1)


async def test_one_user_cannot_open_dialogs_without_end_and_others_still_can(at: Situation) -> None:
    at.mock.by_rules = CHALLENGE
    caller = a_caller(at.client, interactive=True)
    other = dataclasses.replace(caller, uid=1001)
    many = [asyncio.create_task(at.polkit.permits(caller, DEED)) for _ in range(DIALOGS_OF_ONE)]
    await sees(lambda: len(at.mock.dialogs) == DIALOGS_OF_ONE)
    with pytest.raises(LimitExceeded, match="password"):
        await at.polkit.permits(caller, DEED)
    many.append(asyncio.create_task(at.polkit.permits(other, DEED)))
    await sees(lambda: len(at.mock.dialogs) == DIALOGS_OF_ONE + 1)
    while at.mock.dialogs:
        at.mock.decide(YES)
    assert await asyncio.gather(*many) == [Permit.YES] * len(many)


async def test_who_was_let_submit_once_may_send_a_large_request(at: Situation) -> None:
    caller = a_caller(at.client)
    assert not await at.polkit.submits(caller)
    at.mock.by_rules = YES
    await at.polkit.permits(caller, ALL)
    at.mock.by_rules = NO
    assert not await at.polkit.submits(caller)
    at.mock.by_rules = YES
    await at.polkit.permits(caller, DEED)
    at.mock.by_rules = NO
    assert await at.polkit.submits(caller)


async def test_whoever_may_submit_any_unit_may_begin_with_a_large_request(at: Situation) -> None:
    assert await at.polkit.submits(a_caller(at.client, may_submit=True))
    assert not await at.polkit.submits(a_caller(at.client, ruled=False))
    assert at.mock.asked == []
    at.mock.by_rules = YES
    assert await at.polkit.submits(a_caller(at.client))
