# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs are started by PID 1, from unit files; the service starts none, and no shell reads anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

TOP: Final = Path(__file__).parent.parent
STARTERS: Final = ("exec", "spawn", "popen", "system", "fork", "posix_spawn", "create_subprocess", "startfile")
MODULES: Final = ("subprocess", "multiprocessing", "pty", "pexpect", "sh", "shlex")
MAY_START: Final = {TOP / "sd_taskpacker/cli/journal.py": ["asyncio.create_subprocess_exec"]}
"""taskpackerctl reads the journal through journalctl, which knows who may; it runs as whoever called it."""
SERVICES: Final = [TOP / "sd-taskpacker.service", *sorted((TOP / "packaging").glob("*.service"))]
SHELLS: Final = ("sh", "bash", "dash", "zsh", "env")


def starts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield module
            case ast.Attribute(value=ast.Name(id="os" | "asyncio" as of), attr=attr) if attr.startswith(STARTERS):
                yield f"{of}.{attr}"
            case ast.keyword(arg="shell"):
                yield "shell="
            case _:
                pass


@pytest.mark.parametrize("path", sorted((TOP / "sd_taskpacker").rglob("*.py")), ids=lambda path: str(path.name))
def test_no_module_starts_a_program(path: Path) -> None:
    assert list(starts(path.read_text("utf-8"))) == MAY_START.get(path, [])


@pytest.mark.parametrize(
    "source",
    ["import subprocess", "from subprocess import run", "os.system('x')", "os.execv('/x', [])", "f(shell=True)"],
)
def test_what_starts_a_program_is_found(source: str) -> None:
    assert len(list(starts(source))) == 1


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: str(path.name))
def test_no_service_of_ours_runs_a_shell(path: Path) -> None:
    keys = ("Exec=", "ExecStart", "ExecReload=", "ExecStop", "ExecCondition=")
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith(keys)]
    assert lines
    assert [line for line in lines if Path(line.partition("=")[2].split()[0]).name in SHELLS] == []
