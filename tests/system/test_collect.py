# SPDX-License-Identifier: LGPL-2.1-or-later
"""A work directory full of everything that makes removal hard or dangerous."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.machine import BatchCall, Machine

MESS = r"""
import os, socket
os.umask(0)
for name in ("etc", "passwd", "root"):
    os.symlink({"etc": "/etc", "passwd": "/etc/passwd", "root": "/"}[name], f"link-{name}")
os.makedirs("locked/inside/deep")
os.symlink("/etc", "locked/inside/etc")
open("locked/inside/file", "w").close()
os.link("locked/inside/file", "hard")
os.mkfifo("fifo")
server = socket.socket(socket.AF_UNIX); server.bind("socket")
os.mkdir("many")
for number in range(100_000):
    open(f"many/{number}", "w").close()
os.makedirs("a" * 255 + "/" + "b" * 255)
here = os.getcwd()
for depth in range(3000):
    os.mkdir("d"); os.chdir("d")
os.chdir(here)
open("line\nbreak\x1b[2J", "w").close()
os.mkdir("results/sub"); open("results/sub/kept", "w").close()
os.symlink("/etc/passwd", "results/link")
os.chmod("locked/inside/deep", 0); os.chmod("locked/inside", 0); os.chmod("locked", 0)
os.chmod(".", 0o500)
"""


@pytest.mark.needs_root
def test_all_goes_but_results_and_nothing_outside_is_touched(machine: Machine) -> None:
    machine.write_file("/usr/local/lib/mess.py", MESS)
    machine.write_unit(
        "mess.batch",
        "[Batch]\nExec=/usr/bin/python3 /usr/local/lib/mess.py\nSize=large\nCPUs=0\n[Service]\nUser=root\n",
    )
    machine.write_unit(
        "mess-user.batch", "[Batch]\nExec=/usr/bin/python3 /usr/local/lib/mess.py\nSize=large\nCPUs=0\n"
    )
    before = _fingerprint("/etc")
    for name in ("mess", "mess-user"):
        task = machine.run(name, timeout=120)
        assert task["result"] == "success", machine.output(task)
        kept = [
            "results",
            "results/link",
            "results/output.txt",
            "results/sub",
            "results/sub/kept",
            "results/task.json",
        ]
        assert sorted(machine.files(task)) == kept
    assert _fingerprint("/etc") == before


def test_results_replaced_by_a_link_cannot_lead_the_daemon_out(machine: Machine) -> None:
    canary = Path(machine.directory("canary"))
    (canary / "task.json").write_text("mine")
    machine.write_unit(
        "swap.batch",
        f"[Batch]\nExec=/bin/sh -c 'mv results old; ln -s {canary} results'\nCPUs=0\n",
    )
    task = machine.run("swap")
    assert (canary / "task.json").read_text() == "mine"
    assert sorted(machine.files(task)) == ["results", "results/task.json"]


PLANTER = """
import os, sys
top, target = sys.argv[1:]
planted = set()
while True:
    try:
        versions = set(os.listdir(top)) - planted
    except FileNotFoundError:
        continue
    for version in versions:
        output = f"{top}/{version}/results/output.txt"
        try:
            os.unlink(output)
        except OSError:
            pass
        try:
            os.symlink(target, output)
            planted.add(version)
        except OSError:
            pass
"""


@contextmanager
def planting(top: str, target: Path) -> Iterator[None]:
    """A process of the tasks' user puts links to `target` in the place of output files as soon as there are any."""
    words = ["/usr/bin/python3", "-c", PLANTER, top, str(target)]
    with subprocess.Popen(words, user="taskpacker", group="taskpacker", extra_groups=[]) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.mark.needs_root
def test_links_in_the_place_of_output_files_lead_systemd_nowhere(machine: Machine) -> None:
    machine.write_unit("victim.batch", "[Batch]\nExec=/bin/sh -c 'echo output'\nSize=tiny\nCPUs=0\nKeepSuccess=100\n")
    target = Path(machine.directory("planted")) / "file"
    tasks = []
    with planting("/var/lib/sd-taskpacker/victim", target):
        for _ in range(6):
            answers = machine.batch_submit(*[BatchCall("victim")] * 5)
            tasks += [machine.closed(started[0]) for started, _ in answers]
    assert {task["result"] for task in tasks} == {"success"}
    outputs = [Path(task["directory"]) / "results/output.txt" for task in tasks]
    links = [output for output in outputs if output.is_symlink()]
    assert links, "nothing was tried"
    assert {output.read_text() for output in outputs if output not in links} <= {"output\n"}
    assert os.listdir(target.parent) == []


def test_an_output_file_that_was_moved_away_still_gets_the_output(machine: Machine) -> None:
    machine.write_unit(
        "mover.batch", "[Batch]\nExec=/bin/sh -c 'mv results/output.txt results/moved; echo here'\nCPUs=0\n"
    )
    task = machine.run("mover")
    assert machine.read(f"{task['directory']}/results/moved") == "here\n"
    assert sorted(machine.files(task)) == ["results", "results/moved", "results/task.json"]


def _fingerprint(top: str) -> str:
    """Names, modes, owners, sizes and times of everything below."""
    seen = hashlib.sha256()
    for directory, names, files in sorted(os.walk(top)):
        for name in sorted([*names, *files]):
            stat = os.lstat(os.path.join(directory, name))
            seen.update(repr((directory, name, stat.st_mode, stat.st_uid, stat.st_size, stat.st_mtime_ns)).encode())
    return seen.hexdigest()
