# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine that tests/vm/run boots, as its admin uses it: by commands only. Nothing of ours need be installed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = Path(__file__).resolve().parents[2] / "packages"
SERVICE: Final = "sd-taskpacker.service"
UNITS: Final = Path("/etc/sd-taskpacker/units")
STATE: Final = Path("/var/lib/sd-taskpacker")
PATIENCE: Final = 300.0
"""Seconds."""


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def told(*words: str | Path) -> str:
    """What a command prints that must succeed."""
    done = run(*words)
    journal = "" if done.returncode == 0 else run("journalctl", "--no-pager", "-n", "40").stdout
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}\n{journal}"
    return done.stdout.strip()


def apt(*words: str | Path) -> str:
    return told("apt-get", "-y", "-o", "Dpkg::Use-Pty=0", *words)


def shown(unit: str, name: str) -> str:
    return told("systemctl", "show", "--value", f"--property={name}", unit)


def submitted(unit: str, *parameters: str) -> str:
    """The id of a task that runs, or waits."""
    return told("taskpackerctl", "submit", unit, *parameters)


def task(task_id: str) -> dict[str, Any]:
    return dict(json.loads(run("taskpackerctl", "status", task_id, "--json=short").stdout))


def unit_of(task_id: str) -> str:
    return f"taskpacker-{task_id.replace('@', ':')}.service"


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.2)
