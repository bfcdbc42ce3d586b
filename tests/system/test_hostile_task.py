# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task that wants to do harm, with the defaults that every task has: what it does stays with it.

After each deed its neighbour has gone on and succeeds, the daemon is the same process and answers, and what the
system is made of has not changed. tests/system/deeds.py has the deeds.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.disk import small_disk
from tests.system.machine import SERVICE, BatchCall, Machine

pytestmark = pytest.mark.needs_root

DEEDS = "/usr/local/lib/deeds.py"
HOSTILE = f"[Batch]\nExec=/usr/bin/python3 -I {DEEDS} ${{deed}}\nSize=small\nCPUs=0\n[Parameter]\nName=deed\n"
NEIGHBOUR = (
    "[Batch]\nExec=/bin/sh -c 'echo $$$$ > results/pid; until [ -e results/go ]; do sleep 0.1; done; "
    "cat parameters.json'\nSize=tiny\nCPUs=0\n[Parameter]\nName=token\nSecret=yes\n"
)
WATCHED = ("/etc", "/run/systemd/system", "/run/sd-taskpacker", "/usr/local", "/root", "/dev/shm", "/var/spool")


class Stage:
    """A neighbour that runs, and the units of the task that wants to harm it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.write_file(DEEDS, Path(__file__).with_name("deeds.py").read_text())
        machine.write_unit("neighbour.batch", NEIGHBOUR)
        self.unit()
        self.neighbour = self.start("neighbour", token="hush-4711")
        self.daemon = machine.show(SERVICE, "MainPID")

    def unit(self, more: str = "", *, size: str = "small") -> None:
        self.machine.write_unit("hostile.batch", HOSTILE.replace("small", size) + more)

    def start(self, unit: str, **params: str) -> dict[str, Any]:
        ((started, _),) = self.machine.batch_submit(BatchCall(unit, {}, dict(params)))
        task = self.machine.task(started[0])
        self.machine.wait(lambda: self.machine.show(task["systemd_unit"], "MainPID") not in ("", "0"), "it runs")
        return task

    def do(self, deed: str) -> Any:
        """What it says of itself at its successful end."""
        task = self.machine.run("hostile", {"deed": deed})
        assert task["result"] == "success", self.machine.output(task)
        return json.loads(self.machine.output(task))

    def pid(self, task: dict[str, Any]) -> int:
        place = Path(task["directory"]) / "results/pid"
        self.machine.wait(lambda: place.exists() and place.read_text().strip() != "", "it has said its number")
        return int(place.read_text())

    def check(self) -> None:
        machine = self.machine
        assert machine.show(SERVICE, "MainPID") == self.daemon
        (Path(self.neighbour["directory"]) / "results/go").touch()
        task = machine.closed(self.neighbour["id"])
        assert (task["result"], json.loads(machine.output(task))) == ("success", {"token": "hush-4711"})


@pytest.fixture
def stage(machine: Machine) -> Iterator[Stage]:
    stage = Stage(machine)
    before = _outside()
    yield stage
    stage.check()
    assert _outside() == before


def _outside() -> dict[str, tuple[int, ...]]:
    """What is where a task has no business, but for what the daemon and systemd keep of running tasks."""
    seen: dict[str, tuple[int, ...]] = {}
    for top in WATCHED:
        for directory, names, files in os.walk(top):
            for path in (os.path.join(directory, name) for name in [*names, *files]):
                if "/taskpacker-" not in path and "/ended" not in path and "/units" not in path:
                    stat = os.lstat(path)
                    seen[path] = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size)
    return seen


# Too much of something.


def test_a_fork_bomb_goes_off_within_its_task(stage: Stage) -> None:
    stage.unit("[Service]\nRuntimeMaxSec=3\nTasksMax=200\n")
    task = stage.machine.run("hostile", {"deed": "bomb"})
    assert task["result"] in ("timeout", "oom-kill")


def test_a_task_has_a_thousand_processes_at_most(stage: Stage) -> None:
    stage.unit(size="512M")
    assert 900 < stage.do("threads") <= 1_024


@pytest.mark.parametrize("deed", ["children", "shared_memory"])
def test_memory_beyond_its_size_ends_it_however_it_is_taken(stage: Stage, deed: str) -> None:
    assert stage.machine.run("hostile", {"deed": deed})["result"] == "oom-kill"


def test_nothing_in_memory_outlives_it_or_is_seen_by_the_next(stage: Stage) -> None:
    for _ in range(2):
        assert stage.do("little_shared_memory") == ["hostile"]
    segments = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout
    assert "0x00004711" not in segments
    assert not Path("/tmp/hostile").exists()


def test_reading_more_than_its_size_is_no_harm(stage: Stage) -> None:
    assert stage.do("page_cache") > 150


def test_a_hundred_thousand_open_files_are_its_own(stage: Stage) -> None:
    stage.unit(size="256M")
    assert stage.do("files") > 1_000


def test_output_without_end_stops_where_the_unit_says(stage: Stage) -> None:
    stage.unit("[Service]\nLimitFSIZE=1M\n")
    task = stage.machine.run("hostile", {"deed": "endless_output"})
    assert (task["result"], task["signal"]) == ("signal", "XFSZ")
    assert Path(task["directory"], "results/output.txt").stat().st_size == 1 << 20


def test_the_disk_that_a_task_fills_is_free_again_at_its_end(machine: Machine) -> None:
    with small_disk(machine):
        machine.write_file(DEEDS, Path(__file__).with_name("deeds.py").read_text())
        machine.write_unit("hostile.batch", HOSTILE)
        machine.write_unit("quick.batch", "[Batch]\nExec=/bin/true\nSize=tiny\nCPUs=0\n")
        assert machine.run("hostile", {"deed": "fill_disk"})["result"] == "success"
        machine.wait(lambda: machine.call_succeeds("BatchTest", "a(sa{sv}a{sv})", [["quick", {}, {}]]), "it answers")
        machine.wait(lambda: "TROUBLE" not in machine.show(SERVICE, "StatusText"), "there is room again")
        assert machine.run("quick")["result"] == "success"


# Other processes.


def _words(name: str, count: int) -> str:
    """A unit whose command has the deed's arguments as parameters."""
    names = [f"a{number}" for number in range(count)]
    exec = " ".join([f"Exec=/usr/bin/python3 -I {DEEDS} {name}", *(f"${{{each}}}" for each in names)])
    return f"[Batch]\n{exec}\nSize=small\nCPUs=0\n" + "".join(f"[Parameter]\nName={each}\n" for each in names)


def _do(stage: Stage, name: str, *arguments: str) -> Any:
    stage.machine.write_unit("hostile.batch", _words(name, len(arguments)))
    task = stage.machine.run("hostile", {f"a{number}": each for number, each in enumerate(arguments)})
    assert task["result"] == "success", stage.machine.output(task)
    return json.loads(stage.machine.output(task))


def test_it_cannot_look_into_its_neighbours_nor_the_daemon(stage: Stage) -> None:
    assert _do(stage, "spy", str(stage.pid(stage.neighbour)), stage.daemon, "1") == []


def test_it_can_end_neither_the_daemon_nor_tasks_of_another_user(stage: Stage) -> None:
    stage.machine.write_unit("other.batch", NEIGHBOUR + "[Service]\nUser=nobody\n")
    other = stage.start("other", token="x")
    assert _do(stage, "attack", str(stage.pid(other)), stage.daemon, "1") == []
    (Path(other["directory"]) / "results/go").touch()
    assert stage.machine.closed(other["id"])["result"] == "success"


# Places and privileges.


@pytest.mark.parametrize("deed", ["reach", "privileges", "nested_mount"])
def test_it_gets_nowhere(stage: Stage, deed: str) -> None:
    assert stage.do(deed) == []
    assert not os.path.ismount("/mnt")


def test_systemd_does_nothing_for_it(stage: Stage) -> None:
    own = "taskpacker-batch.slice"
    assert _do(stage, "calls", stage.neighbour["systemd_unit"], own) == []


# Its end.


def test_nothing_of_it_lives_on(stage: Stage) -> None:
    stage.machine.write_unit("hostile.batch", _words("linger", 1))
    task = stage.machine.run("hostile", {"a0": "results/lingers"})
    # Whoever has to be killed in the end has not ended well.
    assert task["result"] == "timeout"
    assert not stage.machine.alive(int((Path(task["directory"]) / "results/lingers").read_text()))


def test_its_end_is_what_systemd_saw_whatever_it_says(stage: Stage) -> None:
    task = stage.machine.run("hostile", {"deed": "fake"})
    assert (task["result"], task["exit_status"]) == ("exit-code", 7)
    record = Path(task["directory"]) / "results/task.json"
    stage.machine.wait(lambda: json.loads(record.read_text()).get("id") == task["id"], "the daemon's own record")
    assert json.loads(record.read_text())["result"] == "exit-code"
    assert record.stat().st_uid == 0


def _fingerprint(top: Path) -> dict[Path, tuple[int, ...]]:
    """Everything but when it was last read."""
    stats = {path: path.lstat() for path in [top, *top.rglob("*")]}
    return {path: (s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_ctime_ns) for path, s in stats.items()}


PLANTER = """
import os, sys
from contextlib import suppress
top, target = sys.argv[1:]
number = 0
while True:
    try:
        versions = os.listdir(top)
    except FileNotFoundError:
        continue
    for version in versions:
        work = f"{top}/{version}"
        for name in ("results", "results/task.json", "results/output.txt", "parameters.json", "deep", ".collect"):
            number += 1
            with suppress(OSError):
                os.rename(f"{work}/{name}", f"{work}/moved-{number}")
            with suppress(OSError):
                os.symlink(target, f"{work}/{name}")
            with suppress(OSError):
                os.mkdir(f"{work}/d{number}")
                os.symlink(target, f"{work}/d{number}/link")
                os.rename(f"{work}/d{number}", f"{work}/deep")
"""


@contextmanager
def planting(top: str, target: Path) -> Iterator[None]:
    """A process of the tasks' user, outside of any task, exchanges whatever it finds for links, again and again."""
    words = ["/usr/bin/python3", "-c", PLANTER, top, str(target)]
    with subprocess.Popen(words, user="taskpacker", group="taskpacker", extra_groups=[]) as process:
        try:
            yield
        finally:
            process.kill()


def test_links_planted_while_tasks_start_run_and_end_lead_nobody_out(stage: Stage) -> None:
    machine = stage.machine
    machine.write_unit(
        "victim.batch",
        "[Batch]\nExec=/bin/sh -c 'mkdir -p deep/er; touch deep/er/file; echo output'\n"
        "Size=tiny\nCPUs=0\nKeepSuccess=2\n",
    )
    target = Path(machine.directory("target"))
    (target / "task.json").write_text("mine")
    (target / "results").mkdir(0o700)
    before = _fingerprint(target)
    ended: list[str] = []
    with planting("/var/lib/sd-taskpacker/victim", target):
        for _ in range(8):
            answers = machine.batch_submit(*[BatchCall("victim")] * 4)
            ended += [machine.ended(started[0]).id for started, _ in answers]
    assert len(set(ended)) == 32
    assert _fingerprint(target) == before
    assert (target / "task.json").read_text() == "mine"
    assert machine.run("victim")["result"] == "success"
