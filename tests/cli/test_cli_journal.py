# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.cli.journal import command

TASK = {"id": "a/b@1", "systemd_unit": "taskpacker-a-b:1.service", "submitted": 100_900_000}


def test_a_tasks_entries_are_its_own_systemds_and_the_services() -> None:
    found = list(command(TASK, user=False))
    assert found[-7:] == [
        "TASKPACKER_TASK=a/b@1",
        "+",
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
