# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reader is replaced here: what a journal holds cannot be arranged without journald."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Self

from sd_taskpacker.host.journal import JournalWitness

UNIT = "taskpacker-x:1.service"
FAILED = "Failed at step EXEC spawning /nonexistent: No such file or directory"


class FakeReader:
    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        self.matches: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter([{"MESSAGE": message} for message in self.messages])

    def this_boot(self) -> None:
        pass

    def add_match(self, **fields: str) -> None:
        self.matches.append(fields)

    def add_disjunction(self) -> None:
        pass


def witness(*looks: list[str]) -> JournalWitness:
    remaining = list(looks)
    return JournalWitness(lambda: FakeReader(remaining.pop(0)), patience=[0.0] * len(looks))


def refusing(error: Exception) -> Callable[[], FakeReader]:
    def open_reader() -> FakeReader:
        raise error

    return open_reader


def test_the_message_comes_without_the_unit() -> None:
    messages = [f"{UNIT}: Failed to locate executable /nonexistent", f"{UNIT}: {FAILED}"]
    assert witness(messages).spawn_error(UNIT) == FAILED


def test_a_command_that_may_be_missing_is_no_failure() -> None:
    assert witness([f"{UNIT}: Executable /usr/bin/install missing, skipping"]).spawn_error(UNIT) is None


def test_a_late_record_is_waited_for() -> None:
    assert witness([], [], [f"{UNIT}: {FAILED}"]).spawn_error(UNIT) == FAILED


def test_without_a_journal_nothing_is_known() -> None:
    assert JournalWitness(refusing(FileNotFoundError()), patience=[0.0]).spawn_error(UNIT) is None


def test_a_record_about_the_unit_says_that_it_began() -> None:
    assert witness([f"Starting {UNIT}..."]).began(UNIT) is True


def test_silence_says_that_it_never_began_where_systemd_is_heard() -> None:
    assert witness([], ["Starting cron.service..."]).began(UNIT) is False


def test_silence_says_nothing_where_systemd_logs_no_starts() -> None:
    assert witness([], []).began(UNIT) is None


def test_without_a_journal_nobody_can_tell_whether_it_began() -> None:
    assert JournalWitness(refusing(FileNotFoundError())).began(UNIT) is None


def test_only_systemds_own_records_tell_that_it_began() -> None:
    reader = FakeReader([])
    JournalWitness(lambda: reader).began(UNIT)
    own = str(os.getuid())
    assert reader.matches[:2] == [{"_PID": "1", "UNIT": UNIT}, {"_UID": own, "USER_UNIT": UNIT}]


def test_the_real_reader_takes_the_matches() -> None:
    real = JournalWitness(patience=[0.0])
    assert real.spawn_error("taskpacker-never-was:1.service") is None
    assert not real.began("taskpacker-never-was:1.service")
