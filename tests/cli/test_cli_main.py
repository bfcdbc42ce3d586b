# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sd_taskpacker.cli.text import width
from tests.cli.standin import ROOT, Standin, private_bus, run, standin, start, task

ERROR = "org.sdtaskpacker1.Error."


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("kill", "a@1"), ("Kill", "ss", ["a@1", "SIGTERM"])),
        (("kill", "a@1", "--signal=USR1"), ("Kill", "ss", ["a@1", "USR1"])),
        (("decommission", "build"), ("Decommission", "s", ["build"])),
        (("recommission", "build"), ("Recommission", "s", ["build"])),
        (("reload",), ("Reload", "", [])),
        (("cancel", "a@1"), ("Cancel", "s", ["a@1"])),
        (("drain",), ("Drain", "", [])),
        (("resume",), ("Resume", "", [])),
    ],
)
async def test_an_order_is_one_call_and_prints_nothing(
    service: Standin, address: str, arguments: tuple[str, ...], call: tuple[str, str, list[str]]
) -> None:
    done = await run(address, *arguments, "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert service.calls == [call]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (ERROR + "NoSuchUnit", 65),
        (ERROR + "InvalidParameters", 65),
        (ERROR + "InvalidArgs", 65),
        (ERROR + "NoSuchTask", 4),
        (ERROR + "WrongState", 1),
        (ERROR + "Decommissioned", 75),
        (ERROR + "LimitExceeded", 75),
        (ERROR + "AccessDenied", 77),
        (ERROR + "Internal", 1),
        ("org.freedesktop.DBus.Error.AccessDenied", 77),
        ("org.freedesktop.DBus.Error.NoReply", 69),
        ("org.freedesktop.DBus.Error.UnknownMethod", 69),
    ],
)
async def test_every_error_has_its_status_and_a_line_of_what_to_do(
    service: Standin, address: str, name: str, status: int
) -> None:
    service.answers["Reload"] = (name, ["what is wrong"])
    done = await run(address, "reload")
    wrong, hint = done.err.splitlines()
    assert (done.status, done.out) == (status, "")
    assert wrong
    assert hint.startswith("Hint: ")


async def test_the_hint_of_the_service_is_preferred_and_every_line_is_shown(service: Standin, address: str) -> None:
    service.answers["Reload"] = (ERROR + "InvalidArgs", ["one thing\nanother\x1b\nHint: do this"])
    done = await run(address, "reload")
    assert done.err.splitlines() == ["one thing", r"another\x1b", "Hint: do this"]


async def test_a_hint_for_programs_names_the_verb_to_a_person(service: Standin, address: str) -> None:
    service.answers["Reload"] = (ERROR + "NoSuchTask", ["no\nHint: ListTasks shows what there is, Cancelling not"])
    done = await run(address, "reload")
    assert done.err.splitlines()[1] == "Hint: taskpackerctl list --all shows what there is, Cancelling not"


async def test_without_the_service_it_exits_69_with_the_command_that_starts_it(address: str) -> None:
    done = await run(address, "list")
    assert done.status == 69
    assert done.err == "sd-taskpacker is not running\nHint: systemctl --user start sd-taskpacker\n"


async def test_without_a_bus_it_exits_69(tmp_path: Path) -> None:
    done = await run(f"unix:path={tmp_path}/none", "list")
    assert done.status == 69
    assert "Cannot connect to the session bus" in done.err


async def test_the_policy_of_the_bus_is_named_when_it_forbids_the_call(tmp_path: Path) -> None:
    rule = '<deny send_interface="org.sdtaskpacker1.Manager" send_member="Reload"/>'
    async with private_bus(tmp_path, rules=rule) as address, standin(address) as service:
        done = await run(address, "reload")
        assert (done.status, service.calls) == (77, [])
    assert "does not let you call Reload" in done.err


async def test_a_reader_that_leaves_ends_it_quietly(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task(f"massif@{n}") for n in range(2000)]])
    process = await start(address, "list")
    assert process.stdout is not None
    assert process.stderr is not None
    transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]  # No other way to hang up.
    transport.close()
    assert await process.stderr.read() == b""
    assert await process.wait() == 141


async def test_a_full_disk_is_not_success(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1")]])
    command = [sys.executable, "-m", "sd_taskpacker", "--user", "list"]
    environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": address}
    full = os.open("/dev/full", os.O_WRONLY)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=full, stderr=subprocess.PIPE
    )
    _, err = await process.communicate()
    os.close(full)
    assert process.returncode == 1
    assert err == b"The results could not be written: No space left on device\n"


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
async def test_a_terminal_gets_colours_unless_no_color_is_set(
    service: Standin, address: str, no_color: str, colored: bool
) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1", state="failed")]])
    ours, theirs = pty.openpty()
    environment = {"DBUS_SESSION_BUS_ADDRESS": address, "TERM": "xterm", "NO_COLOR": no_color}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sd_taskpacker",
        "--user",
        "list",
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=theirs,
    )
    assert await process.wait() == 0
    os.close(theirs)
    shown = os.read(ours, 4096)
    os.close(ours)
    assert (b"\x1b[0;1;31m" in shown) is colored


async def on_a_terminal(address: str, *arguments: str, columns: int) -> list[str]:
    """What it shows on a terminal of that width, line by line; NO_COLOR is set."""
    ours, theirs = pty.openpty()
    environment = {"DBUS_SESSION_BUS_ADDRESS": address, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "sd_taskpacker", "--user", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **environment, "PYTHONUTF8": "1"}, stdout=theirs, stderr=theirs
    )
    await process.wait()
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return shown.splitlines()


async def test_a_table_is_no_wider_than_the_terminal(service: Standin, address: str) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task(f"{'世' * 60}@1"), task(f"{'n' * 200}@20261121.0")]])
    lines = await on_a_terminal(address, "list", columns=80)
    assert len(lines) == 4
    assert {width(line) <= 80 for line in lines} == {True}
    assert "…" in lines[1]
    assert "@20261121.0" in lines[2]


async def test_units_on_a_narrow_terminal_have_their_descriptions_and_no_paths(
    service: Standin, address: str
) -> None:
    told = [
        "nightly-compress",
        "batch",
        "/etc/sd-taskpacker/units/nightly-compress.batch",
        "Compress what is old",
        True,
    ]
    service.answers["ListUnits"] = ("a(ssssb)", [[told]])
    service.answers["GetUnitProblems"] = ("a(susss)", [[]])
    narrow, wide = [await on_a_terminal(address, "list-units", columns=columns) for columns in (80, 120)]
    assert narrow[0].split() == ["UNIT", "KIND", "LOADED", "DESCRIPTION"]
    assert narrow[1].split() == ["nightly-compress", "batch", "yes", "Compress", "what", "is", "old"]
    assert "/etc/sd-taskpacker/units/nightly-compress.batch" in wide[1]


async def test_a_sentence_for_a_terminal_breaks_between_words(service: Standin, address: str) -> None:
    service.answers["Reload"] = (ERROR + "WrongState", ["one two three four five six seven eight nine ten eleven"])
    lines = await on_a_terminal(address, "reload", columns=24)
    assert lines[:3] == ["one two three four five", "six seven eight nine ten", "eleven"]


def imported_by(*arguments: str) -> set[str]:
    """The modules that Python has loaded when the command ends."""
    code = "import sys; from sd_taskpacker.cli.main import main\ntry: main()\nfinally: print('\\n'.join(sys.modules))"
    environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    return set(done.stdout.decode().split())


def test_it_starts_fast_because_it_does_not_load_what_it_does_not_need() -> None:
    others = {f"sd_taskpacker.cli.{name}" for name in ("submit", "overview", "story", "stats", "units", "wait")}
    assert not {"pydantic", "sqlite3", "logging.config", *others} & imported_by("--user", "list")
    assert not {"asyncio", "dbus_next", "pydantic"} & imported_by("--help")
