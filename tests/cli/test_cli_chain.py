# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbus_next.signature import Variant

from tests.cli.standin import Standin, run, task
from tests.cli.test_cli_submit import answer

Row = dict[str, Variant]


def knows(service: Standin, *rows: Row) -> None:
    """The service has these tasks, and lists them as it does: what has started last first, and no more than asked."""
    tasks = {row["id"].value: row for row in rows}
    service.answers["GetTask"] = lambda task_id: ("a{sv}", [tasks[task_id]])

    def listed(filters: Mapping[str, Variant]) -> tuple[str, Any]:
        since = filters["since"].value if "since" in filters else 0
        found = [
            row
            for row in sorted(tasks.values(), key=lambda row: -row["started"].value)
            if row["state"].value in filters["state"].value and row["submitted"].value >= since
        ]
        return "aa{sv}", [found[: filters["limit"].value if "limit" in filters else 1_000]]

    service.answers["ListTasks"] = listed


def failed(number: int, **details: Any) -> Row:
    return task(f"a@{number}", state="failed", exit_status=7, retries=1, submitted=5, started=50, ended=90, **details)


def again(number: int, of: int, **details: Any) -> Row:
    shown: dict[str, Any] = {"state": "complete", "submitted": 90, "retry_of": f"a@{of}"}
    return task(f"a@{number}", **(shown | details))


async def test_the_next_try_is_found_behind_thousands_that_started_later(service: Standin, address: str) -> None:
    others = [again(number, number + 10_000, started=99) for number in range(3_000)]
    knows(service, failed(9_000), *others, again(9_001, 9_000, started=95))
    assert (await run(address, "wait", "a@9000")).status == 0


async def test_the_next_try_is_found_where_the_clock_was_set_back(service: Standin, address: str) -> None:
    knows(service, failed(1), again(2, 1, submitted=1, started=2))
    assert (await run(address, "wait", "a@1")).status == 0


async def test_an_end_that_is_heard_of_has_the_next_try_as_the_event_that_follows(
    service: Standin, address: str
) -> None:
    answer(service, "a@1")
    service.after["BatchQueue"] = [("TaskChanged", "tssa{sv}", [7, "a@1", "failed", {}])]
    knows(service, failed(1), again(2, 1))
    retry = [8, 90, "a@2", "TaskQueued", {"retry_of": Variant("s", "a@1")}]
    service.answers["ListEvents"] = lambda after, limit: ("a(ttssa{sv})", [[retry] if after == 7 else []])
    assert (await run(address, "submit", "a", "--wait")).status == 0
    assert service.called("ListTasks") == []


async def test_one_listing_tells_the_next_tries_of_many(service: Standin, address: str) -> None:
    olds, news = range(1, 40), range(101, 140)
    knows(service, *map(failed, olds), *(again(new, old) for old, new in zip(olds, news, strict=True)))
    assert (await run(address, "wait", *(f"a@{old}" for old in olds))).status == 0
    assert len(service.called("ListTasks")) < 10


async def test_what_was_taken_out_of_the_queue_is_not_looked_for(service: Standin, address: str) -> None:
    cancelled = task("a@1", state="failed", result="cancelled", retries=1, ended=9)
    del cancelled["started"]
    service.answers["GetTask"] = ("a{sv}", [cancelled])
    assert (await run(address, "wait", "a@1")).status == 1
    assert service.called("ListTasks") == []
