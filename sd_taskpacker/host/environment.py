# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether nobody but root can change what is in the files of `EnvironmentFile=`.

systemd reads them as root, and what they say also holds for the command that root runs at the end of a task
(host.receipts): with LD_PRELOAD= in one of them, whoever can write it is as good as root.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress

from sd_taskpacker.host.trust import Trust
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.unit import Kind, TaskUnit

_PATTERN = frozenset("*?[")


def untrusted(
    units: Mapping[tuple[Kind, str], TaskUnit], trust: Trust | None
) -> dict[tuple[Kind, str], tuple[Problem, ...]]:
    """The units that may not run as they are, and why. Without `trust`, none."""
    if trust is None:
        return {}
    found = {key: tuple(_problems(unit, trust)) for key, unit in units.items()}
    return {key: problems for key, problems in found.items() if problems}


def _problems(unit: TaskUnit, trust: Trust) -> Iterator[Problem]:
    for name, value in unit.properties:
        if name == "EnvironmentFiles":
            for path, _ in value.data:
                if flaw := _flaw(path, trust):
                    yield Problem(unit.path, 0, "EnvironmentFile", Severity.ERROR, f"cannot be used: {flaw}")


def _flaw(path: str, trust: Trust) -> str | None:
    if _PATTERN & set(path):  # Whose the files will be that match it when the task starts, nobody can say now.
        return f"{path} is a pattern; name each file"
    return trust.flaw(path) or _could_be_made(os.path.realpath(path))


def _could_be_made(path: str) -> str | None:
    """A file that is missing, by others than root, in a place like /tmp."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
        with suppress(OSError):
            if os.stat(path).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return f"it is missing, and others than root could make it in {path}; choose a place that is root's"
    return None
