# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion as the shells call it, and bash as a person does; against a stand-in service."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest
from dbus_next.signature import Variant

from tests.cli.standin import PATIENCE, ROOT, Standin, run, task

UNIT = """[Batch]
Exec=/bin/true
[Parameter]
Name=target
Type=enum
Values=/usr/bin/python3 "/opt/my tool"
Values=/usr/bin/perl
Description=Program to profile
[Parameter]
Name=fast
Type=bool
[Parameter]
Name=input
Type=path
[Parameter]
Name=label
"""

BASH = """source packaging/completion/taskpackerctl.bash
COMP_LINE=$1 COMP_POINT=${#1}
eval "COMP_WORDS=($2)"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
taskpackerctl() { "$PYTHON" -m sd_taskpacker "${1}" --user "${@:2}"; }
_taskpackerctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def units(service: Standin, tmp_path: Path) -> Standin:
    path = tmp_path / "massif.batch"
    path.write_text(UNIT, encoding="utf-8")
    (tmp_path / "massif.batch.d").mkdir()
    (tmp_path / "massif.batch.d" / "10-more.conf").write_text("[Parameter]\nName=more\n", encoding="utf-8")
    service.answers["ListUnits"] = (
        "a(ssssb)",
        [[["massif", "batch", str(path), "Heap profile", True], ["build", "workorder", "/gone", "", True]]],
    )
    return service


async def candidates(address: str, *words: str) -> list[str]:
    done = await run_complete(address, *words)
    return [line.partition("\t")[0] for line in done.splitlines()]


async def run_complete(address: str, *words: str) -> str:
    # standin.run puts --user first; completion takes it as one of the words.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sd_taskpacker", "__complete", "--user", *words),
        cwd=ROOT,
        env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert err == b""
    return out.decode()


async def test_units_are_those_of_the_verbs_kind_with_what_they_do(address: str, units: Standin) -> None:
    assert await run_complete(address, "submit", "") == "massif\tHeap profile\n"
    assert await candidates(address, "start", "") == ["build"]
    assert await candidates(address, "submit", "x") == []


async def test_parameters_and_the_values_that_can_be_listed(address: str, units: Standin) -> None:
    assert await candidates(address, "submit", "massif", "") == ["target=", "fast=", "input=", "label=", "more="]
    assert await candidates(address, "submit", "massif", "target=/usr") == [
        "target=/usr/bin/python3",
        "target=/usr/bin/perl",
    ]
    assert await candidates(address, "submit", "massif", "fast=") == ["fast=yes", "fast=no"]
    assert await candidates(address, "submit", "massif", "input=") == [":files"]
    assert await candidates(address, "submit", "massif", "label=") == []
    assert await candidates(address, "submit", "nothing", "") == []


async def test_a_unit_file_that_cannot_be_read_has_no_parameters(address: str, units: Standin) -> None:
    assert await candidates(address, "start", "build", "") == []


async def test_ids_are_asked_for_by_state(address: str, service: Standin) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("massif@1", state="waiting"), task("other@1", state="waiting")]])
    assert await candidates(address, "cancel", "mas") == ["massif@1"]
    ((filters,),) = service.called("ListTasks")
    assert filters["state"] == Variant("as", ["waiting"])


async def test_roots_are_those_that_run_those_that_have_tasks_and_all_units(address: str, units: Standin) -> None:
    units.answers["ListTasks"] = ("aa{sv}", [[task("deep/er@1")]])
    units.answers["GetAll"] = ("a{sv}", [{"Roots": Variant("as", ["web"])}])
    assert await candidates(address, "decommission", "") == ["build", "deep", "massif", "web"]


async def test_a_root_that_is_decommissioned_can_be_taken_back(address: str, service: Standin) -> None:
    service.answers["Get"] = ("v", [Variant("as", ["web"])])
    assert await candidates(address, "recommission", "") == ["web"]


async def test_a_service_that_cannot_be_reached_says_nothing(address: str) -> None:
    assert await candidates(address, "submit", "") == []


async def test_a_candidate_that_would_drive_the_terminal_is_left_out(address: str, service: Standin) -> None:
    service.answers["ListTasks"] = ("aa{sv}", [[task("a@1"), task("b\x1b[2J@1")]])
    assert await candidates(address, "status", "") == ["a@1"]


async def test_completion_is_no_verb_that_anybody_is_shown(address: str) -> None:
    assert "__complete" not in (await run(address, "--help")).out


async def _bash(address: str, line: str, words: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *("bash", "--norc", "-c", BASH, "bash", line, words),
        cwd=ROOT,
        env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert err == b""
    return out.decode().split("\n")[:-1]


@pytest.mark.parametrize(
    ("line", "broken", "expected"),
    [
        ("taskpackerctl sub", ["taskpackerctl", "sub"], ["submit"]),
        ("taskpackerctl submit ", ["taskpackerctl", "submit", ""], ["massif"]),
        ("taskpackerctl submit massif target", ["taskpackerctl", "submit", "massif", "target"], ["target="]),
        (
            "taskpackerctl submit massif target=",
            ["taskpackerctl", "submit", "massif", "target", "="],
            ["/usr/bin/python3", "/opt/my\\ tool", "/usr/bin/perl"],
        ),
        (
            "taskpackerctl submit massif target=/usr/bin/pe",
            ["taskpackerctl", "submit", "massif", "target", "=", "/usr/bin/pe"],
            ["/usr/bin/perl"],
        ),
        ("taskpackerctl list --state=w", ["taskpackerctl", "list", "--state", "=", "w"], ["waiting"]),
        ("taskpackerctl status massif@", ["taskpackerctl", "status", "massif", "@"], ["@1"]),
        ("taskpackerctl status massif@1", ["taskpackerctl", "status", "massif", "@1"], ["@1"]),
        (
            "taskpackerctl submit massif 'target=/opt",
            ["taskpackerctl", "submit", "massif", "'target=/opt"],
            ["target=/opt/my tool"],
        ),
        (
            "taskpackerctl submit massif 'input=LICEN",
            ["taskpackerctl", "submit", "massif", "'input=LICEN"],
            ["input=LICENSE"],
        ),
        (
            "taskpackerctl submit massif input=LICEN",
            ["taskpackerctl", "submit", "massif", "input", "=", "LICEN"],
            ["LICENSE"],
        ),
        ("taskpackerctl verify LICEN", ["taskpackerctl", "verify", "LICEN"], ["LICENSE"]),
    ],
)
async def test_bash_gets_what_goes_where_readline_breaks_the_word(
    address: str, units: Standin, line: str, broken: list[str], expected: list[str]
) -> None:
    units.answers["ListTasks"] = ("aa{sv}", [[task("massif@1")]])
    assert await _bash(address, line, shlex.join(broken)) == expected
