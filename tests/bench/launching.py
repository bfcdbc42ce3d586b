# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways to launch that launch.py compares, on the booted machine, and what has to be done between them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sd_taskpacker.bus.properties import transient
from sd_taskpacker.engine.admission import enqueue
from sd_taskpacker.engine.events import TaskQueued
from sd_taskpacker.engine.ports import Budget, Remembered
from sd_taskpacker.engine.requests import Office, Place
from sd_taskpacker.engine.state import State
from sd_taskpacker.host.unitdirs import UnitDirectories
from sd_taskpacker.host.workdir import WorkDirectories
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task
from tests.bench.bare import BareClient, Run, call_message
from tests.system.machine import SERVICE, STATE, UNITS, BatchCall, Machine

RECEIPTS: Final = Path("/run/sd-taskpacker/ended")
WORK: Final = Path("/var/tmp/launch")
OUTSTANDING: Final = 8
"""The budget has room for so many, and the daemon asks systemd for so many at once (bus.systemd)."""
CALL: Final = 500
"""Requests in one BatchQueue."""
NO_END: Final = 1 << 30
REQUESTS: Final = "a(sa{sv}a{sv})"
UNIT: Final = "[Batch]\nExec={program}\nSize=1G\nCPUs=0\nExpectedSec=1s\n"
STAMP: Final = """
#include <stdio.h>
#include <time.h>
int main(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return printf("%lld%09ld\\n", (long long) t.tv_sec, t.tv_nsec) < 0;
}
"""


class Bench:
    def __init__(self) -> None:
        if WORK.exists():
            shutil.rmtree(WORK)
        WORK.mkdir(parents=True)
        self.machine = Machine()
        # A stopped daemon feeds no watchdog.
        self.machine.write_file(
            "/etc/systemd/system/sd-taskpacker.service.d/60-bench.conf", "[Service]\nWatchdogSec=0\n"
        )
        (WORK / "stamp.c").write_text(STAMP)
        subprocess.run(["gcc", "-O2", "-o", "/usr/local/bin/stamp", WORK / "stamp.c"], check=True)
        self.machine.write_unit("true.batch", UNIT.format(program="/bin/true"))
        self.machine.write_unit("stamp.batch", UNIT.format(program="/usr/local/bin/stamp") + "KeepSuccess=100000\n")
        self.machine.systemctl("daemon-reload")
        # Tasks of 1G: the budget is the daemon's own limit too, and its state lies in memory on such a machine.
        self.machine.restart(memory=f"{OUTSTANDING}G")
        self.bare = BareClient(WORK)
        self._serial = 0
        self.daemon = int(self.machine.show(SERVICE, "MainPID"))
        pids = {"dbus": "dbus.service", "journald": "systemd-journald.service"}
        self.pids = {"daemon": self.daemon, "pid1": 1} | {
            name: int(self.machine.show(unit, "MainPID")) for name, unit in pids.items()
        }

    # Ways to launch.

    def queue(self, tasks: int) -> Run:
        sizes = [min(CALL, tasks - first) for first in range(0, tasks, CALL)]
        queued = [call_message("BatchQueue", REQUESTS, requests("true", size)) for size in sizes]
        return self.bare.run_calls([call_message("Resume"), *queued], NO_END, tasks)

    def submit(self, tasks: int) -> Run:
        calls = [call_message("BatchSubmit", REQUESTS, requests("true", 1)) for _ in range(tasks)]
        return self.bare.run_calls(calls, OUTSTANDING, tasks)

    def bare_units(self, tasks: int) -> Run:
        return self.bare.run_units(self.make("true", tasks), OUTSTANDING, prefix="bare-")

    def receipt_units(self, tasks: int) -> Run:
        return self.bare.run_units(self.make("true", tasks), OUTSTANDING)

    def systemd_run(self, tasks: int) -> Run:
        """As many commands at a time, each with the properties that can be given as text."""
        [task] = self.make("true", 1)
        words = ["systemd-run", "--wait", "--quiet", "--collect", "-p", "Type=oneshot", f"--slice={task.slice}"]
        settings = {name: value.data for name, value in transient(task) if value.signature in ("s", "t", "b", "i")}
        for name in ("MemoryMax", "MemorySwapMax", "WorkingDirectory", "NoNewPrivileges", "ProtectSystem"):
            words += ["-p", f"{name}={settings[name]}"]
        words += ["-p", "PrivateTmp=yes", "-p", f"User={task.user}", "-p", f"ReadWritePaths={task.directory}"]
        words += ["-p", f"StandardOutput=append:{task.results}/output.txt", "/bin/true"]
        began = time.perf_counter()
        numbers = "\n".join(map(str, range(tasks)))
        each = ["xargs", "-P", str(OUTSTANDING), "-I", "{}", *words]
        subprocess.run(each, input=numbers, text=True, check=True)
        return Run((), time.perf_counter() - began, 0, 0)

    # What is between them.

    def make(self, unit: str, count: int) -> list[Task]:
        """Tasks as the daemon makes them, with their directories."""
        catalogue = UnitDirectories([UNITS]).refresh()
        place = Place(state_directory=str(STATE), boot_id="bench", default_user="taskpacker")
        state = State(Remembered(), Budget(memory=1 << 40, cpus=1))
        office = Office(state=state, catalogue=catalogue, place=place)
        [event] = enqueue(office, Caller(uid=0, may_manage=True, may_submit=True), [Request(unit, {}, {})], 1).events
        assert isinstance(event, TaskQueued)
        made = []
        for _ in range(count):
            self._serial += 1
            task_id = TaskId.make(unit, f"bare.{self._serial}")
            directory = f"{event.task.root_directory}/@{task_id.version}"
            made.append(replace(event.task, id=task_id, directory=directory))
            WorkDirectories().prepare(made[-1]).close()
        return made

    def fill(self, waiting: int) -> int:
        """While drained, so that nothing starts. Answers how many were missing."""
        self.machine.call("Drain", "")
        missing = waiting - int(self.machine.property("NQueued"))
        for first in range(0, missing, CALL):
            self.machine.call("BatchQueue", REQUESTS, requests("true", min(CALL, missing - first)))
        return max(0, missing)

    def settle(self) -> None:
        """What waits is promised its start, which is planned once, and a few of it run."""
        self.bare.run_calls([call_message("Resume")], NO_END, OUTSTANDING)
        self.machine.call("Drain", "")
        self.quiet()

    def quiet(self) -> None:
        """Nothing runs and nothing is on its way."""
        self.machine.wait(lambda: self.machine.property("NRunning") == 0, "nothing runs", 600)
        self.machine.wait(lambda: not list(RECEIPTS.iterdir()), "all is collected", 600)

    @contextmanager
    def without_daemon(self) -> Iterator[None]:
        os.kill(self.daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            for receipt in RECEIPTS.iterdir():
                shutil.rmtree(receipt)
            os.kill(self.daemon, signal.SIGCONT)
            self.machine.property("NRunning")  # It has read what came meanwhile.

    def latency(self, tasks: int, *, bare: bool) -> list[float]:
        """Milliseconds from the call to the first line of the program, one at a time."""
        if bare:
            made = self.make("stamp", tasks)
            with self.without_daemon():
                sent = self.bare.run_units(made, 1, prefix="bare-").sent
            outputs = [Path(task.results) / "output.txt" for task in made]
        else:
            before = set(self._stamps())
            calls = [call_message("BatchSubmit", REQUESTS, requests("stamp", 1)) for _ in range(tasks)]
            sent = self.bare.run_calls(calls, 1, tasks).sent
            outputs = [each for each in self._stamps() if each not in before]
        return [(int(output.read_text()) - each) / 1e6 for output, each in zip(outputs, sent, strict=True)]

    def _stamps(self) -> list[Path]:
        found = STATE.glob("stamp/@2*/results/output.txt")
        return sorted(found, key=lambda path: int(path.parts[-3].rpartition(".")[2]))


def requests(unit: str, count: int) -> list[list[Any]]:
    return [BatchCall(unit).wire()] * count
