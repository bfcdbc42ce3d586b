# SPDX-License-Identifier: LGPL-2.1-or-later
"""On a real file system. What needs root or must not be root runs in a forked child where necessary."""

from __future__ import annotations

import ctypes
import dataclasses
import grp
import itertools
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from sd_taskpacker.host.beneath import descended
from sd_taskpacker.host.collect import empty
from sd_taskpacker.host.readers import open_to
from sd_taskpacker.host.workdir import WorkDirectories
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Outcome, Result, Task
from sd_taskpacker.model.unit import Kind

NOBODY = pwd.getpwnam("nobody")


def task(root: Path, name: str = "build/massif", **changes: Any) -> Task:
    task_id = TaskId.make(name, "1")
    made = Task(
        id=task_id,
        kind=Kind.BATCH,
        unit="massif",
        description="",
        argv=("/bin/true",),
        params=(),
        parameters={"target": "größe", "depth": 3},
        properties=(),
        user=None,
        directory=str(root.joinpath(*task_id.directory)),
        root_directory=str(root),
        chunks=1,
        cpus=1,
        expected_usec=None,
        priority=100,
        deadline_usec=None,
        tag="",
        keep_success=1,
        keep_failed=1,
        uid=0,
        boot_id="",
        submitted_usec=1,
        started_usec=2,
    )
    return dataclasses.replace(made, **changes)


def prepared(root: Path) -> tuple[WorkDirectories, Task, Path]:
    directories, one = WorkDirectories(), task(root)
    directories.prepare(one).close()
    return directories, one, Path(one.directory)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def listing(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A tree outside, which must be untouched whatever a task does."""
    tree = tmp_path / "canary"
    tree.mkdir()
    (tree / "file").write_text("alive")
    tree.chmod(0o751)
    yield tree
    assert (listing(tree), mode(tree), (tree / "file").read_text()) == ({"file"}, 0o751, "alive")


def run_as_nobody(action: Callable[[], None]) -> None:
    """In a forked child, since a test process cannot become root again."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY.pw_gid)
                os.setuid(NOBODY.pw_uid)
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@contextmanager
def open_to_nobody() -> Iterator[Path]:
    """A directory of nobody's; pytest's own temporary directories are closed to others."""
    with TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        place = Path(above) / "mine"
        place.mkdir()
        os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)
        yield place


def test_prepare_makes_what_the_drawing_shows(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        _, _, work = prepared(tmp_path / "missing/root")
    finally:
        os.umask(old)
    assert listing(work) == {"results", "parameters.json"}
    assert (mode(work.parent), mode(work), mode(work / "results")) == (0o755, 0o750, 0o755)
    assert listing(work / "results") == {"output.txt"}
    assert (mode(work / "parameters.json"), mode(work / "results/output.txt")) == (0o640, 0o644)
    assert json.loads((work / "parameters.json").read_text("utf-8")) == {"target": "größe", "depth": 3}


def test_prepare_hands_over_to_the_task_s_user(tmp_path: Path) -> None:
    one = task(tmp_path, user="nobody")
    WorkDirectories().prepare(one).close()
    work = Path(one.directory)
    for path in (work, work / "results", work / "results/output.txt", work / "parameters.json"):
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert work.parent.stat().st_uid == 0


def test_prepare_answers_the_output_file_open_for_appending(tmp_path: Path) -> None:
    one = task(tmp_path)
    output = WorkDirectories().prepare(one)
    path = Path(one.results) / "output.txt"
    with output:
        assert os.path.samestat(os.fstat(output.fileno()), path.stat())
        path.write_text("first\n")
        os.write(output.fileno(), b"second\n")
        assert not os.get_inheritable(output.fileno())
    assert path.read_text() == "first\nsecond\n"
    assert output.closed


def test_prepare_knows_a_user_by_number(tmp_path: Path) -> None:
    one = task(tmp_path, user=str(os.geteuid()))
    WorkDirectories().prepare(one).close()
    assert Path(one.directory).stat().st_uid == os.geteuid()


def test_prepare_refuses_an_unknown_user_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with pytest.raises(LookupError, match="'ghost' of build/massif@1 does not exist; create it"):
        WorkDirectories().prepare(task(root, user="ghost"))
    assert not root.exists()


def test_prepare_refuses_a_directory_that_is_there(tmp_path: Path) -> None:
    directories, one, work = prepared(tmp_path)
    (work / "precious").write_text("")
    with pytest.raises(FileExistsError):
        directories.prepare(one)
    assert (work / "precious").exists()


def test_prepare_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        WorkDirectories().prepare(task(tmp_path, parameters={"no JSON": object()}))
    assert listing(tmp_path) == set()


@pytest.mark.parametrize("failing", ["fchown", "fchmod"])
def test_prepare_that_cannot_hand_over_leaves_neither_files_nor_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    real, before = getattr(os, failing), len(os.listdir("/proc/self/fd"))
    for refused in range(4):  # Parameters, output file, results/, the work directory.
        calls = itertools.count()

        def refuse(fd: int, *rest: int, calls: Iterator[int] = calls, refused: int = refused) -> None:
            if next(calls) == refused:
                raise PermissionError(1, "Operation not permitted")
            real(fd, *rest)

        monkeypatch.setattr(os, failing, refuse)
        with pytest.raises(PermissionError):
            WorkDirectories().prepare(task(tmp_path, "build", user="nobody"))
        assert listing(tmp_path) == set()
        assert len(os.listdir("/proc/self/fd")) == before


def test_prepare_follows_no_link_below_the_root(tmp_path: Path, canary: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "massif").symlink_to(canary)
    with pytest.raises(NotADirectoryError):
        WorkDirectories().prepare(task(root))


def test_a_directory_outside_of_the_root_is_refused(tmp_path: Path) -> None:
    for directory in (f"{tmp_path}/root/../x", "/elsewhere", f"{tmp_path}/root"):
        with pytest.raises(OSError, match="is not below"):
            WorkDirectories().prepare(task(tmp_path / "root", directory=directory))


def test_seal_records_the_end(tmp_path: Path) -> None:
    directories, one, work = prepared(tmp_path)
    directories.seal(one)
    directories.seal(one.ended(Outcome(result=Result.OOM_KILL, ended_usec=9)))
    record = json.loads((work / "results/task.json").read_text())
    assert (record["id"], record["result"], record["ended"]) == ("build/massif@1", "oom-kill", 9)
    assert listing(work / "results") == {"output.txt", "task.json"}
    assert mode(work / "results/task.json") == 0o644


def test_a_seal_that_was_cut_short_leaves_nothing_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing after it is done."""

    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    directories, one, work = prepared(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed)
        with pytest.raises(Killed):
            directories.seal(one)
    assert listing(work / "results") == {"output.txt"}
    directories.seal(one)
    assert directories.collect(one) == []
    assert listing(work) == {"results"}


def test_seal_replaces_results_that_are_no_directory(tmp_path: Path, canary: Path) -> None:
    directories, one, work = prepared(tmp_path)
    results = work / "results"
    shutil.rmtree(results)
    results.symlink_to(canary)
    directories.seal(one)
    assert results.is_dir()
    assert not results.is_symlink()
    (results / "task.json").unlink()
    results.rmdir()
    results.write_text("")
    directories.seal(one)
    assert listing(results) == {"task.json"}


def test_seal_neither_writes_through_a_link_nor_stumbles_over_a_directory(tmp_path: Path, canary: Path) -> None:
    directories, one, work = prepared(tmp_path)
    record = work / "results/task.json"
    record.symlink_to(canary / "file")
    directories.seal(one)
    assert not record.is_symlink()
    record.unlink()
    record.mkdir()
    (record / "kept").write_text("")
    directories.seal(one)
    assert record.is_file()
    assert len(listing(work / "results") - {"output.txt"}) == 2


def litter(work: Path, canary: Path) -> None:
    """One of everything that a task may leave."""
    (work / "file").write_text("")
    (work / "link").symlink_to(canary)
    (work / "broken").symlink_to("/nowhere")
    (work / "deep/er/est").mkdir(parents=True)
    (work / "deep/er/link").symlink_to(canary, target_is_directory=True)
    (work / "deep/er/results").mkdir()
    os.link(work / "file", work / "deep/hard")
    os.mkfifo(work / "deep/fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(work / "socket"))
    os.mkdir(os.fsencode(work) + b"/\xff\n")
    (work / "closed/inside").mkdir(parents=True)
    (work / "closed/inside/file").write_text("")
    (work / "closed/inside").chmod(0)
    (work / "closed").chmod(0)


def test_collect_removes_all_but_the_results(tmp_path: Path, canary: Path) -> None:
    directories, one, work = prepared(tmp_path / "root")
    (work / "results/kept").write_text("")
    litter(work, canary)
    assert directories.collect(one) == []
    assert listing(work) == {"results"}
    assert listing(work / "results") == {"kept", "output.txt"}
    assert directories.collect(one) == []


def test_collect_as_an_ordinary_user(canary: Path) -> None:
    with open_to_nobody() as place:

        def action() -> None:
            directories, one, work = prepared(place)
            litter(work, canary)
            work.chmod(0)
            assert directories.collect(one) == []
            assert listing(work) == {"results"}
            assert directories.remove(one) == []

        run_as_nobody(action)
        assert listing(place) == set()


def test_collect_takes_results_that_are_a_link(tmp_path: Path, canary: Path) -> None:
    directories, one, work = prepared(tmp_path / "root")
    shutil.rmtree(work / "results")
    (work / "results").symlink_to(canary)
    assert directories.collect(one) == []
    assert listing(work) == set()


def test_collect_of_a_directory_that_is_gone_is_done(tmp_path: Path) -> None:
    directories, one, _ = prepared(tmp_path)
    assert directories.remove(one) == []
    assert directories.collect(one) == []
    assert directories.remove(one) == []


def test_collect_reports_a_work_directory_that_became_a_link(tmp_path: Path, canary: Path) -> None:
    directories, one, work = prepared(tmp_path / "root")
    work.rename(tmp_path / "moved")
    work.symlink_to(canary)
    for problems in (directories.collect(one), directories.remove(one)):
        assert problems == [f"{one.directory}: Not a directory"]


def test_ten_thousand_levels_need_neither_recursion_nor_descriptors(tmp_path: Path) -> None:
    directories, one, work = prepared(tmp_path)
    fd = os.open(work, os.O_RDONLY)
    for _ in range(10_000):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    assert directories.collect(one) == []
    assert listing(work) == {"results"}
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_hundred_thousand_files(tmp_path: Path) -> None:
    directories, one, work = prepared(tmp_path)
    (work / "many").mkdir()
    fd = os.open(work / "many", os.O_RDONLY)
    for number in range(100_000):
        os.mknod(str(number), dir_fd=fd)
    os.close(fd)
    assert directories.collect(one) == []
    assert listing(work) == {"results"}


def test_somebody_who_fills_as_fast_as_we_empty_does_not_hold_us(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(50):
        (tmp_path / f"a/{number}").mkdir()
    fd = os.open(tmp_path, os.O_RDONLY)
    problems = empty(fd, max_entries=20)
    assert problems == [".: gave up after 20 entries; somebody is still filling it"]
    assert empty(fd) == []
    os.close(fd)


def with_a_mount(action: Callable[[Path], None], place: Path, source: Path) -> None:
    """Runs `action` where `source` is mounted on `place`, in a mount namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    recursive_private, bind = 0x40000 | 0x4000, 0x1000
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert libc.unshare(0x20000) == 0
            assert libc.mount(b"none", b"/", None, recursive_private, None) == 0
            assert libc.mount(bytes(source), bytes(place), None, bind, None) == 0
            action(place)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("where", ["mounted", "deep/er/mounted"])
def test_mounts_are_reported_and_not_crossed(tmp_path: Path, canary: Path, where: str) -> None:
    directories, one, work = prepared(tmp_path / "root")
    (work / where).mkdir(parents=True)
    (work / "gone/too").mkdir(parents=True)

    def action(place: Path) -> None:
        (problem,) = [text for text in directories.collect(one) if "mounted there" in text]
        assert problem.startswith(f"{where}: ")
        assert not (work / "gone").exists()

    with_a_mount(action, work / where, canary)
    assert directories.collect(one) == []
    assert listing(work) == {"results"}


def test_what_cannot_be_removed_is_named_and_the_rest_goes() -> None:
    """Something of another user's, in a directory that is not ours to write to."""
    with open_to_nobody() as place:
        (place / "foreign/inside").mkdir(parents=True)
        (place / "mine").mkdir()
        os.chown(place / "mine", NOBODY.pw_uid, NOBODY.pw_gid)

        def action() -> None:
            fd = os.open(place, os.O_RDONLY)
            inside, outside = empty(fd)
            os.close(fd)
            assert inside == "foreign/inside: Permission denied"
            assert outside.startswith("foreign: Directory not empty; it is now .collect-")

        run_as_nobody(action)
        (left,) = place.iterdir()
        assert listing(left) == {"inside"}


def test_remove_takes_empty_parents_but_not_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    directories = WorkDirectories()
    deep, beside = task(root, "build/a/b/c"), task(root, "build/a/x")
    directories.prepare(deep).close()
    directories.prepare(beside).close()
    assert directories.remove(deep) == []
    assert listing(root / "a") == {"x"}
    assert directories.remove(beside) == []
    assert listing(root) == set()


@pytest.mark.parametrize(
    "made", [[], ["parameters.json"], ["parameters.json", "results/"], ["results/", "results/output.txt"]]
)
def test_a_directory_whose_making_was_cut_short_is_unused(tmp_path: Path, made: list[str]) -> None:
    one = task(tmp_path)
    work = Path(one.directory)
    work.mkdir(parents=True)
    for name in made:
        (work / name).mkdir() if name.endswith("/") else (work / name).touch()
    assert WorkDirectories().unused(one)


def test_a_prepared_directory_is_unused_until_somebody_has_written(tmp_path: Path) -> None:
    directories, one = WorkDirectories(), task(tmp_path)
    assert not directories.unused(one)
    directories.prepare(one).close()
    assert directories.unused(one)
    (Path(one.directory) / "results/output.txt").write_text("hello")
    assert not directories.unused(one)
    (Path(one.directory) / "results/output.txt").write_text("")
    (Path(one.directory) / "scratch").touch()
    assert not directories.unused(one)


def acl_of(path: Path) -> bytes | None:
    try:
        return os.getxattr(path, "system.posix_acl_access")
    except OSError:
        return None


def test_the_group_and_the_submitter_may_read_what_a_task_leaves() -> None:
    """Whoever submitted it is let in by an ACL where the file system has them; others stay outside."""
    with TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        one = task(Path(above), user="nobody", uid=1)
        directories = WorkDirectories(readers=lambda: "daemon")
        directories.prepare(one).close()
        work = Path(one.directory)
        assert (mode(work), work.stat().st_gid) == (0o750, grp.getgrnam("daemon").gr_gid)

        def look(uid: int, gid: int) -> str:
            words = ["/bin/cat", str(work / "results/task.json")]
            done = subprocess.run(words, user=uid, group=gid, extra_groups=[], capture_output=True, text=True)
            return "read" if done.returncode == 0 else "refused"

        work.chmod(0o700)  # A task may have closed its directory.
        directories.seal(dataclasses.replace(one, outcome=Outcome(result=Result.SUCCESS, ended_usec=5)))
        assert look(4242, grp.getgrnam("daemon").gr_gid) == "read"
        assert look(4242, 4242) == "refused"
        if acl_of(work) is not None:
            assert look(1, 4242) == "read"
        assert directories.collect(one) == []
        assert look(4242, 4242) == "refused"


@pytest.mark.parametrize(("uid", "extra"), [(0, False), (NOBODY.pw_uid, False), (1, True)])
def test_only_a_submitter_who_could_not_look_otherwise_needs_an_acl(tmp_path: Path, uid: int, extra: bool) -> None:
    one = task(tmp_path, user="nobody", uid=uid)
    WorkDirectories(readers=lambda: "daemon").prepare(one).close()
    probe = tmp_path / "probe"
    probe.mkdir()
    with descended(str(probe), ()) as fd:
        open_to(fd, owner=0, gid=0, reader=1)
    assert (acl_of(Path(one.directory)) is not None) is (extra and acl_of(probe) is not None)


def test_a_group_that_is_gone_leaves_the_directory_to_the_users_own(tmp_path: Path) -> None:
    one = task(tmp_path, user="nobody")
    WorkDirectories(readers=lambda: "no-such-group").prepare(one).close()
    assert Path(one.directory).stat().st_gid == NOBODY.pw_gid


def test_nothing_is_made_where_others_could_move_it(tmp_path: Path) -> None:
    """Only root may give files to another user, so only root's tasks can be led astray."""
    tmp_path.chmod(0o777)
    with pytest.raises(OSError, match="can be written by others than root.*chmod go-w") as told:
        WorkDirectories().prepare(task(tmp_path, user="nobody"))
    assert told.value.filename == str(tmp_path)
    assert listing(tmp_path) == set()
