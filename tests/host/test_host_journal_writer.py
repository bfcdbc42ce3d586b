# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import logging

import pytest

from sd_taskpacker.host.journal_writer import JournalWriter
from sd_taskpacker.model import notices
from sd_taskpacker.model.notices import Entry
from tests.engine.builders import ended, task

MODULE = "sd_taskpacker.host.journal_writer"
OVER = Entry(notice=notices.OOM_KILL, text="job@20270115.0: oom-kill", task=ended(task()))


class Sent(list[dict[str, str]]):
    def __call__(self, *fields: str) -> None:
        self.append(dict(field.split("=", 1) for field in fields))


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=MODULE)


def test_an_entry_has_all_its_fields() -> None:
    sent = Sent()
    JournalWriter(user=False, connected=True, send=sent).write(OVER)
    assert sent == [
        {
            "MESSAGE": "job@20270115.0: oom-kill",
            "MESSAGE_ID": notices.OOM_KILL.id,
            "PRIORITY": "5",
            "SYSLOG_IDENTIFIER": "sd-taskpacker",
            "TASKPACKER_TASK": "job@20270115.0",
            "TASKPACKER_NAME": "job",
            "TASKPACKER_VERSION": "20270115.0",
            "TASKPACKER_ROOT": "job",
            "TASKPACKER_STATE": "complete",
            "TASKPACKER_RESULT": "success",
            "OBJECT_SYSTEMD_UNIT": task().id.unit_name,
        }
    ]


def test_a_users_instance_names_the_users_unit() -> None:
    sent = Sent()
    JournalWriter(user=True, connected=True, send=sent).write(OVER)
    assert sent[0]["OBJECT_SYSTEMD_USER_UNIT"] == task().id.unit_name
    assert "OBJECT_SYSTEMD_UNIT" not in sent[0]


def test_an_entry_about_nothing_in_particular_has_no_task_fields() -> None:
    sent = Sent()
    JournalWriter(user=False, connected=True, send=sent).write(Entry(notice=notices.DRAINED, text="drained"))
    assert sent[0].keys() == {"MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER"}


def test_a_terminal_gets_the_text_alone(caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent()
    JournalWriter(user=False, connected=False, send=sent).write(OVER)
    assert (caplog.messages, sent) == ([OVER.text], [])


def test_the_log_level_holds_for_entries_too(caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent()
    caplog.set_level(logging.WARNING, logger=MODULE)
    writer = JournalWriter(user=False, connected=True, send=sent)
    for notice in (notices.DRAINED, notices.LOST):
        writer.write(Entry(notice=notice, text=notice.name))
    assert [fields["MESSAGE"] for fields in sent] == ["lost"]


def test_a_journal_that_takes_nothing_stops_nobody() -> None:
    tried = []

    def send(*fields: str) -> None:
        tried.append(fields)
        raise OSError("no buffer space")

    JournalWriter(user=False, connected=True, send=send).write(OVER)
    assert len(tried) == 1
