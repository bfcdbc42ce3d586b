# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine.chronicle import Chronicle, entry_of
from sd_taskpacker.engine.events import TaskClosed, TaskEnded, TaskPromised
from sd_taskpacker.engine.ports import Budget, Remembered
from sd_taskpacker.model.notices import entry_fields
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.quantities import CHUNK_BYTES
from sd_taskpacker.model.task import Outcome, Result
from sd_taskpacker.model.unit import Catalogue, Kind, RefusedUnit
from tests.engine.builders import ADMIN, NOW, ended, parameter, receipt, request, task, unit, waiting
from tests.engine.daemon import Daemon, running
from tests.engine.fakes import FakeJournal


async def test_one_entry_for_each_state_of_a_task() -> None:
    async with running(Daemon(unit(chunks=32))) as daemon:
        first, second = (answer.started[0] for answer in await daemon.desk.batch_queue(ADMIN, [request(), request()]))
        daemon.end(first)
        await daemon.until(f"commit-start {second}")
        daemon.end(second, receipt("exit-code", exit_status="1"))
        await daemon.until(f"commit-close {second}")
        assert daemon.journal.told == ["queued", "queued", "started", "complete", "started", "failed"]
        assert [entry.task.id.version[-1] for entry in daemon.journal.entries if entry.task] == list("010011")


@pytest.mark.parametrize("result", list(Result))
def test_the_end_says_why_in_words_and_in_a_field(result: Result) -> None:
    over = task().ended(Outcome(result=result, ended_usec=NOW, message="what happened"))
    entry = entry_of(TaskEnded(over))
    assert entry is not None
    assert entry.text == f"{over.id}: {result}: what happened"
    assert entry_fields(entry)["TASKPACKER_RESULT"] == str(result)
    plain = {Result.SUCCESS: "complete"} | dict.fromkeys(
        (Result.EXIT_CODE, Result.SIGNAL, Result.CORE_DUMP, Result.WATCHDOG, Result.STOPPED), "failed"
    )
    assert entry.notice.name == plain.get(result, str(result))


def test_what_changes_no_state_is_not_told() -> None:
    assert entry_of(TaskClosed(task().id)) is None
    assert entry_of(TaskPromised(task().id, NOW)) is None


async def test_no_parameter_is_in_the_journal() -> None:
    async with running(Daemon(unit(parameters=(parameter("password"),)))) as daemon:
        await daemon.desk.batch_submit(ADMIN, [request(password="hunter2")])
        assert daemon.journal.told == ["started"]
        (entry,) = daemon.journal.entries
        assert "hunter2" not in entry.text + str(entry_fields(entry))


async def test_orders_about_everything_and_about_a_root_are_told() -> None:
    async with running(Daemon(unit("job"), remembered=Remembered(open=(waiting(),), drained=True))) as daemon:
        await daemon.desk.decommission(ADMIN, "job")
        await daemon.desk.recommission(ADMIN, "job")
        await daemon.desk.resume(ADMIN)
        await daemon.desk.drain(ADMIN)
        assert daemon.journal.told == ["decommission", "decommissioned", "recommission", "resumed", "drained"]
        assert [entry_fields(entry).get("TASKPACKER_ROOT") for entry in daemon.journal.entries] == [
            "job",
            "job",
            "job",
            None,
            None,
        ]


async def test_a_new_budget_is_told_once() -> None:
    async with running(Daemon()) as daemon:
        daemon.machine.now = Budget(memory=8 * CHUNK_BYTES, cpus=2, source="MemoryMax=")
        await daemon.desk.refresh_budget()
        await daemon.desk.refresh_budget()
        assert [entry.text for entry in daemon.journal.entries] == ["budget: 8 chunks, 2 CPUs (MemoryMax=)"]


async def test_a_refused_unit_is_told_with_its_problems_and_again_only_when_they_differ() -> None:
    def refused(line: int) -> Catalogue:
        problem = Problem("/units/job.batch", line, "Size", Severity.ERROR, "is no size")
        return Catalogue(refused=(RefusedUnit("job", Kind.BATCH, "/units/job.batch", (problem,)),))

    async with running(Daemon()) as daemon:
        for catalogue in (refused(3), refused(3), refused(4), Catalogue(), refused(4)):
            daemon.units.catalogue = catalogue
            await daemon.desk.catalogue()
        assert [entry.text.splitlines()[1] for entry in daemon.journal.entries] == [
            f"  /units/job.batch:{line}: error: Size: is no size" for line in (3, 4, 4)
        ]


def test_what_a_new_daemon_finds_is_counted_and_a_committed_end_is_told_again() -> None:
    journal = FakeJournal()
    Chronicle(journal).recovered([task(), waiting("other"), ended(task("third"))])
    assert [entry.text for entry in journal.entries] == [
        "recovered: 1 started, 1 waiting, 1 ended",
        "third@20270115.0: success",
    ]


def test_nothing_found_is_nothing_told() -> None:
    journal = FakeJournal()
    Chronicle(journal).recovered([])
    assert journal.entries == []
