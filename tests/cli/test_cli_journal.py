# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
import os

import pytest

from sd_taskpacker.cli.journal import command, entry_of

TASK = {"id": "a/b@1", "systemd_unit": "taskpacker-a-b:1.service", "submitted": 100_900_000}


def test_a_tasks_entries_are_its_own_systemds_and_the_services() -> None:
    found = list(command(TASK, user=False))
    assert found[-5:] == [
        "_SYSTEMD_UNIT=taskpacker-a-b:1.service",
        "+",
        "UNIT=taskpacker-a-b:1.service",
        "+",
        "_SYSTEMD_UNIT=sd-taskpacker.service",
    ]
    assert "--since=@99" in found


def test_in_a_users_instance_fields_have_other_names() -> None:
    found = command(TASK, user=True)
    assert "_SYSTEMD_USER_UNIT=taskpacker-a-b:1.service" in found
    assert "USER_UNIT=taskpacker-a-b:1.service" in found


def test_what_came_long_after_the_end_is_not_read() -> None:
    assert "--until=@500" in command(TASK | {"ended": 200_000_000}, user=False)


def test_following_begins_now() -> None:
    found = command(TASK, user=False, follow=True)
    assert {"--follow", "--lines=0"} <= set(found)
    assert not any(each.startswith("--since") for each in found)


UNIT = "taskpacker-a-b:1.service"
ANYBODY = {"_SYSTEMD_UNIT": "session-1.scope", "_PID": "77"}
SERVICE = {"_SYSTEMD_UNIT": "sd-taskpacker.service"}
SYSTEMD = {"_SYSTEMD_UNIT": "init.scope", "_PID": "1"}


def told(fields: dict[str, str], *, user: bool = False, **more: str) -> bool:
    row = {"__REALTIME_TIMESTAMP": "5", "MESSAGE": "hello"} | fields | more
    return entry_of(json.dumps(row).encode(), TASK, user=user) is not None


def test_a_task_is_believed_whatever_it_says_and_others_what_they_say_of_it() -> None:
    assert told({"_SYSTEMD_UNIT": UNIT})
    assert told(SERVICE, TASKPACKER_TASK="a/b@1")
    assert told(SERVICE, MESSAGE="a/b@1: its directory cannot be removed")
    assert told(SYSTEMD, UNIT=UNIT)


@pytest.mark.parametrize(
    "faked",
    [{"TASKPACKER_TASK": "a/b@1"}, {"UNIT": UNIT}, {"USER_UNIT": UNIT}, {"MESSAGE": "a/b@1: all is lost"}],
    ids=lambda faked: next(iter(faked)),
)
@pytest.mark.parametrize("user", [False, True])
def test_anybody_else_is_not_believed_to_speak_of_a_task(faked: dict[str, str], user: bool) -> None:
    assert not told(ANYBODY | faked, user=user)
    own = {"_UID": str(os.getuid()), "_SYSTEMD_USER_UNIT": "editor.service"}
    assert not told(ANYBODY | own | faked, user=user)
    other = {"_UID": str(os.getuid() + 1), "_SYSTEMD_USER_UNIT": "sd-taskpacker.service"}
    assert not told(ANYBODY | other | faked, user=user)


def test_units_of_other_managers_that_have_the_same_name_are_others() -> None:
    assert not told({"_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": UNIT})
    assert not told({"_UID": str(os.getuid() + 1), "_SYSTEMD_USER_UNIT": UNIT}, user=True)
    assert told({"_UID": str(os.getuid()), "_SYSTEMD_USER_UNIT": UNIT}, user=True)


def test_in_a_users_instance_it_is_the_users_service_and_systemd_that_are_believed() -> None:
    own = {"_UID": str(os.getuid()), "_SYSTEMD_UNIT": "user@1000.service"}
    assert told(own, _SYSTEMD_USER_UNIT="sd-taskpacker.service", TASKPACKER_TASK="a/b@1", user=True)
    assert told(own, _SYSTEMD_USER_UNIT="init.scope", USER_UNIT=UNIT, user=True)
