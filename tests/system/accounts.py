# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tasks that keep count of themselves, and the closing of the accounts: what must be true whatever was killed.

Each unit says by its name how its tasks end. Each task appends one line, at its start, to a file of its own outside
of every work directory, so that a second run cannot hide.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dbus_next import Variant

from tests.system.machine import STATE, BatchCall, Machine, PastEvent

RUNS: Final = Path("/srv/taskpacker-tests/runs")
RESULTS: Final = ["results", "results/output.txt", "results/task.json"]
GO: Final = RUNS / "go"
RECEIPTS: Final = Path("/run/sd-taskpacker/ended")

BEGIN: Final = f'echo ran >> {RUNS}/"$TASKPACKER_NAME@$TASKPACKER_VERSION"'
SERVICE_SECTION: Final = f"[Service]\nReadWritePaths={RUNS}\n"
UNITS: Final = {
    "good.batch": ("sleep 0.1; touch litter", "KeepSuccess=1\n"),
    "bad.batch": ("exit 3", ""),
    "dies.batch": ("kill -USR1 $$$$; sleep 60", ""),
    "again.batch": ("exit 4", "Retry=1\n"),
    "one.batch": ("sleep 0.2", "MaxRunning=1\n"),
    "waits.batch": (f"while ! test -e {GO}; do sleep 0.05; done; exit 5", ""),
    "holds.workorder": (f"while ! test -e {GO}; do sleep 0.05; done; exit 6", ""),
}
ENDS: Final[dict[str, dict[str, Any]]] = {
    "good": {"result": "success", "exit_status": 0},
    "bad": {"result": "exit-code", "exit_status": 3},
    "dies": {"result": "signal", "signal": "USR1"},
    "again": {"result": "exit-code", "exit_status": 4},
    "one": {"result": "success", "exit_status": 0},
    "waits": {"result": "exit-code", "exit_status": 5},
    "holds": {"result": "exit-code", "exit_status": 6},
}
"""By the task's name. What was cancelled has this result instead."""


class Accounts:
    """Of all tasks from now on. `answered` are the ids that a client was told, `cancelled` those of them that it took
    back with success."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.answered: set[str] = set()
        self.cancelled: set[str] = set()
        self._begin = machine.last_event()
        machine.directory("runs")
        RUNS.chmod(0o777)
        for name, (script, more) in UNITS.items():
            section = name.partition(".")[2].capitalize()
            text = f"[{section}]\nExec=/bin/sh -c '{BEGIN}; {script}'\nSize=tiny\nCPUs=0\n{more}{SERVICE_SECTION}"
            machine.write_unit(name, text)

    def queue(self, *units: str) -> list[list[str]]:
        """The ids of each entry; none where there was no answer."""
        return self._ask("BatchQueue", units)

    def submit(self, *units: str) -> list[list[str]]:
        """The same for what can start now."""
        return self._ask("BatchSubmit", units)

    def _ask(self, member: str, units: Sequence[str]) -> list[list[str]]:
        calls = [BatchCall(unit).wire() for unit in units]
        answers = self._machine.try_call(member, "a(sa{sv}a{sv})", calls) or []
        accepted = [ids for ids, _ in answers if ids]
        self.answered.update(*accepted)
        return accepted

    def start(self, unit: str) -> None:
        self.answered.update(
            self._machine.try_call("WorkorderStart", "a(sa{sv}a{sv})", [BatchCall(unit).wire()]) or []
        )

    def cancel(self, task_id: str) -> None:
        if self._machine.call_succeeds("Cancel", "s", task_id):
            self.cancelled.add(task_id)

    def let_go(self) -> None:
        """What runs until it is told to end may do so."""
        GO.touch()

    def history(self) -> dict[str, list[PastEvent]]:
        """Of each task that came since the beginning; what an earlier one's directory still becomes is left out."""
        history: dict[str, list[PastEvent]] = {}
        for event in self._machine.events(self._begin):
            if event.event in ("TaskQueued", "TaskStarted"):
                history.setdefault(event.id, [])
            if event.id in history:
                history[event.id].append(event)
        return history

    def close(self) -> dict[str, list[PastEvent]]:
        """Waits until nothing is left to do, then checks everything that can be told without knowing what was killed.
        Answers the history of each task."""
        self._machine.wait(self.at_rest, "no task runs or waits")
        self._machine.wait(self._all_closed, "every task is closed")
        history = self.history()
        assert self.answered <= history.keys(), "ids that were answered and are not in history"
        for task_id, events in history.items():
            self._check_task(task_id, events)
        self._check_leavings(set(history))
        return history

    def waiting(self) -> int:
        """How many wait; as many as there may be when nobody answers."""
        listed = self._machine.try_call("ListTasks", "a{sv}", {"state": Variant("as", ["waiting"])})
        return 1_000 if listed is None else len(listed)

    def at_rest(self) -> bool:
        return bool(self._machine.try_call("ListTasks", "a{sv}", {}) == [])

    def _all_closed(self) -> bool:
        return all(any(each.event == "TaskClosed" for each in events) for events in self.history().values())

    def _check_task(self, task_id: str, events: list[PastEvent]) -> None:
        names = Counter(event.event for event in events)
        (end,) = [event for event in events if event.event == "TaskEnded"]
        assert names["TaskClosed"] == 1, (task_id, events)
        assert names["TaskStarted"] <= 1, (task_id, events)
        ran = (RUNS / task_id).read_text().splitlines() if (RUNS / task_id).exists() else []
        if names["TaskStarted"]:
            expected = ENDS[task_id.partition("@")[0]]
            assert {key: end.details.get(key) for key in expected} == expected, (task_id, events)
            assert ran == ["ran"], (task_id, ran, events)
            assert task_id not in self.cancelled, (task_id, events)
        else:
            assert end.details["result"] == "cancelled", (task_id, events)
            assert ran == [], (task_id, events)

    def _check_leavings(self, ids: set[str]) -> None:
        self._machine.wait(lambda: not os.listdir(RECEIPTS), "no receipt is left")
        self._machine.wait(lambda: not self._machine.loaded_units(), "no unit is loaded")
        kept = {task_id: STATE / task_id.replace("@", "/@") for task_id in ids}
        left = {task_id: sorted(_below(work)) for task_id, work in kept.items() if work.exists()}
        wrong = {task_id: files for task_id, files in left.items() if files != RESULTS}
        assert not wrong, wrong


def _below(top: Path) -> list[str]:
    return [str(path.relative_to(top)) for path in top.rglob("*")]
