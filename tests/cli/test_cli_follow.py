# SPDX-License-Identifier: LGPL-2.1-or-later
"""`submit --follow` and `logs`: a task's output, read by a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.emulator import on_terminal
from tests.cli.standin import BUS_NAME, Standin, finish, line, run, start, task


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Of a@1; `a@2` has another below the same directory."""
    for name in ("a@1", "a@2"):
        (tmp_path / name / "results").mkdir(parents=True)
    return tmp_path / "a@1" / "results" / "output.txt"


@pytest.fixture
def journalctl(tmp_path: Path) -> Path:
    """The program of that name that is found first; it says nothing until it is told what to."""
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def grow(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def accepts(service: Standin, output: Path, **later: Any) -> None:
    """a@1 is accepted and runs; its record says what `later` does."""
    service.answers["BatchQueue"] = ("a(asas)", [[[["a@1"], []]]])
    service.after["BatchQueue"] = [("TaskChanged", "tssa{sv}", [1, "a@1", "running", {}])]
    records(service, output, "a@1", **later)


def records(service: Standin, output: Path, task_id: str, **details: Any) -> None:
    directory = str(output.parents[2] / task_id)
    service.answers["GetTask"] = ("a{sv}", [task(task_id, directory=directory, **details)])


def ends(service: Standin, task_id: str = "a@1", state: str = "complete") -> None:
    service.emit("TaskChanged", "tssa{sv}", [2, task_id, state, {}])


async def test_output_is_streamed_byte_by_byte_as_it_is_written(service: Standin, address: str, output: Path) -> None:
    accepts(service, output)
    process = await start(address, "submit", "massif", "--follow")
    assert await line(process.stdout) == "a@1\n"
    grow(output, b"one\n")
    assert await line(process.stdout) == "one\n"
    grow(output, b"\x1b[31mtwo\x00")
    records(service, output, "a@1", state="failed", exit_status=3)
    ends(service, state="failed")
    done = await finish(process)
    assert (done.status, done.out) == (3, "\x1b[31mtwo\x00")
    assert done.err == "a@1 failed: status 3\n"


async def test_a_short_task_loses_nothing(service: Standin, address: str, output: Path) -> None:
    grow(output, b"x" * 300_000)
    accepts(service, output, state="complete")
    service.after["BatchQueue"].append(("TaskChanged", "tssa{sv}", [2, "a@1", "complete", {}]))
    done = await run(address, "submit", "massif", "--follow")
    assert (done.status, len(done.out)) == (0, 4 + 300_000)


async def test_the_next_try_is_followed_too(service: Standin, address: str, output: Path) -> None:
    grow(output, b"first\n")
    grow(output.parents[2] / "a@2" / "results" / "output.txt", b"second\n")
    accepts(service, output)

    def get_task(task_id: str) -> tuple[str, Any]:
        directory = str(output.parents[2] / task_id)
        failed: dict[str, Any] = {"state": "failed", "retries": 1} if task_id == "a@1" else {"state": "complete"}
        return "a{sv}", [task(task_id, directory=directory, **failed)]

    service.answers["GetTask"] = get_task
    service.answers["ListTasks"] = ("aa{sv}", [[task("a@2", retry_of="a@1")]])
    service.after["BatchQueue"].append(("TaskChanged", "tssa{sv}", [2, "a@1", "failed", {}]))
    done = await run(address, "submit", "massif", "--follow")
    assert (done.status, done.out) == (0, "a@1\nfirst\nsecond\n")


async def test_a_restart_of_the_service_repeats_nothing(service: Standin, address: str, output: Path) -> None:
    grow(output, b"one\n")
    accepts(service, output)
    process = await start(address, "submit", "massif", "--follow")
    assert [await line(process.stdout), await line(process.stdout)] == ["a@1\n", "one\n"]
    await service.bus.release_name(BUS_NAME)
    assert "went away" in await line(process.stderr)
    grow(output, b"two\n")
    assert await line(process.stdout) == "two\n"
    records(service, output, "a@1", state="complete")
    await service.bus.request_name(BUS_NAME)
    done = await finish(process)
    assert (done.status, done.out) == (0, "")


async def test_output_that_cannot_be_read_is_told_and_the_wait_goes_on(
    service: Standin, address: str, output: Path
) -> None:
    os.mkdir(output)
    accepts(service, output, state="complete")
    process = await start(address, "submit", "massif", "--follow")
    assert "cannot be read: it is not a regular file" in await line(process.stderr)
    ends(service)
    assert (await finish(process)).status == 0


async def test_a_reader_that_leaves_ends_it_quietly(service: Standin, address: str, output: Path) -> None:
    grow(output, b"x\n" * 100_000)
    accepts(service, output)
    process = await start(address, "submit", "massif", "--follow")
    assert await line(process.stdout) == "a@1\n"
    assert process.stdout is not None
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # No other way to hang up.
    async with asyncio.timeout(60):
        assert await process.wait() == 141


async def test_of_several_tasks_nothing_is_submitted(service: Standin, address: str) -> None:
    done = await run(address, "submit", "massif", "--follow", "target=a", "target=b")
    assert (done.status, done.out, service.called("BatchQueue")) == (65, "", [])
    assert done.err.splitlines() == [
        "--follow shows the output of one task, and target makes several",
        "Hint: submit without --follow, and then: taskpackerctl logs -f ID",
    ]


def entry(message: Any, **fields: Any) -> str:
    found = {
        "__REALTIME_TIMESTAMP": "1795258385000000",
        "SYSLOG_IDENTIFIER": "systemd",
        "_PID": "1",
        "_UID": str(os.getuid()),
        "_SYSTEMD_USER_UNIT": "init.scope",
        "MESSAGE": message,
    }
    return json.dumps(found | {"USER_UNIT": "taskpacker-a.service"} | fields)


def says(journalctl: Path, *entries: str, complaint: str = "", ever: bool = False) -> None:
    (journalctl.parent / "said").write_text("".join(f"{each}\n" for each in entries))
    end = "exec sleep infinity" if ever else f"echo '{complaint}' >&2" if complaint else ""
    journalctl.write_text(f'#!/bin/sh\ncat "$(dirname "$0")/said"\n{end}\n')


async def logs(address: str, journalctl: Path, *arguments: str) -> Any:
    return await run(address, "logs", "a@1", *arguments, PATH=f"{journalctl.parent}:/usr/bin:/bin")


async def test_logs_has_a_header_the_output_and_the_journal(
    service: Standin, address: str, output: Path, journalctl: Path
) -> None:
    grow(output, b"one\ntwo \x1b[31m")
    says(
        journalctl,
        entry("Starting"),
        entry("about another", USER_UNIT="taskpacker-b.service"),
        entry("a@1: success", USER_UNIT="", _SYSTEMD_USER_UNIT="sd-taskpacker.service"),
    )
    records(service, output, "a@1", state="failed", result="exit-code", exit_status=3, ended=1_795_258_386_000_000)
    done = await logs(address, journalctl)
    head, about, *rest = done.out.splitlines()
    assert head.startswith("-- a@1 failed: exit-code, status 3; ended Sat 2026-11-21 10:53:06 UTC, ")
    assert about.startswith(f"-- {output}: 13 bytes, last written ")
    assert rest[:3] == ["one", "two \x1b[31m", "-- Journal of a@1 --"]
    assert [each.partition(") ")[2] for each in rest[3:]] == ["systemd[1]: Starting", "systemd[1]: a@1: success"]
    assert (done.status, done.err) == (0, "")


async def test_logs_has_only_the_last_lines_of_each_and_no_headers_for_programs(
    service: Standin, address: str, output: Path, journalctl: Path
) -> None:
    grow(output, b"one\ntwo\n")
    says(journalctl, entry("first"), entry([108, 255]))
    records(service, output, "a@1")
    done = await logs(address, journalctl, "-n", "1", "--no-legend")
    first, second = done.out.splitlines()
    assert (first, second.partition(") ")[2]) == ("two", "systemd[1]: l\\xff")


async def test_logs_as_json_is_one_document(service: Standin, address: str, output: Path, journalctl: Path) -> None:
    grow(output, b"one\n\xff")
    says(journalctl, entry("Starting"), "not json", entry(None, SYSLOG_IDENTIFIER=None))
    records(service, output, "a@1")
    shown = json.loads((await logs(address, journalctl, "--json")).out)
    assert (shown["task"]["id"], shown["output"]) == ("a@1", ["one", "\\xff"])
    started = {"time": 1_795_258_385_000_000, "source": "systemd[1]", "message": "Starting"}
    assert shown["journal"] == [started, {**started, "source": "?[1]", "message": ""}]


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("Hint: You are currently not seeing messages from other users", "You are currently not seeing messages"),
        (None, "journalctl: No such file or directory"),
    ],
)
async def test_without_rights_or_a_journal_logs_says_so_and_shows_the_rest(
    service: Standin, address: str, output: Path, journalctl: Path, complaint: str | None, said: str
) -> None:
    grow(output, b"one\n")
    records(service, output, "a@1")
    if complaint is None:
        os.unlink(journalctl)
    else:
        says(journalctl, complaint=complaint)
    done = await run(
        address, "logs", "a@1", "--no-legend", PATH=str(journalctl.parent) + ":/bin" * (complaint is not None)
    )
    assert (done.status, done.out) == (0, "one\n")
    assert done.err.startswith(f"Of the journal not all can be shown: {said}")


async def test_a_task_that_never_ran_has_written_nothing(
    service: Standin, address: str, output: Path, journalctl: Path
) -> None:
    waiting = task("a@1", state="waiting")
    del waiting["started"]
    service.answers["GetTask"] = ("a{sv}", [waiting])
    done = await logs(address, journalctl)
    assert (done.status, done.err) == (0, "a@1 has never run, so it has written nothing.\n")


async def test_output_is_harmless_on_a_terminal(
    service: Standin, address: str, output: Path, journalctl: Path
) -> None:
    grow(output, "\x1b[2Jtab\there \xff\r\n世".encode("latin-1", "ignore"))
    records(service, output, "a@1", state="complete")
    path = f"{journalctl.parent}:/usr/bin:/bin"
    async with on_terminal(address, "logs", "a@1", "--no-legend", PATH=path) as shown:
        assert await shown.end() == 0
    assert shown.raw.decode().replace("\r\n", "\n") == "\\x1b[2Jtab\there \\xff\n"


async def test_logs_f_goes_on_until_the_task_has_ended(
    service: Standin, address: str, output: Path, journalctl: Path
) -> None:
    grow(output, b"".join(b"%d\n" % index for index in range(20)))
    says(journalctl, entry("Starting"), ever=True)
    records(service, output, "a@1")
    process = await start(address, "logs", "a@1", "-f", "--no-legend", PATH=f"{journalctl.parent}:/usr/bin:/bin")
    assert [await line(process.stdout) for _ in range(10)] == [f"{index}\n" for index in range(10, 20)]
    assert "systemd[1]: Starting" in await line(process.stderr)
    grow(output, b"new\n")
    assert await line(process.stdout) == "new\n"
    records(service, output, "a@1", state="failed", exit_status=3)
    ends(service, state="failed")
    done = await finish(process)
    assert (done.status, done.out, done.err) == (0, "", "a@1 failed: status 3\n")


async def test_ctrl_c_ends_logs_f(service: Standin, address: str, output: Path, journalctl: Path) -> None:
    grow(output, b"one\n")
    says(journalctl, ever=True)
    records(service, output, "a@1")
    process = await start(address, "logs", "a@1", "-f", PATH=f"{journalctl.parent}:/usr/bin:/bin")
    await line(process.stdout)
    assert await line(process.stdout) == "one\n"
    process.send_signal(signal.SIGINT)
    done = await finish(process)
    assert (done.status, done.err) == (130, "")
