# SPDX-License-Identifier: LGPL-2.1-or-later
"""The directory that a task runs in, from before its start to after its end.

    ROOT-DIRECTORY/               made with its parents when missing; never removed
    └── massif/                   0755, the daemon's; one per further component of the name
        └── @20261121.0/          0750, the task's user, for readers; only ever made new
            ├── parameters.json   0640, 0400 with secrets in it, the task's user
            ├── results/          0755, the task's user; stays until retention removes it all
            │   ├── output.txt    0644, the task's user; only ever made new, and PID 1 gets it open
            │   └── task.json     0644, the daemon's; written at the end
            └── ...               the task's own; goes when it has ended

From the moment it is handed over, everything in the work directory may be anything: other processes of the same
user are able to change it at any time. So it is only touched through descriptors that follow no link; PID 1, which
can only be told a path or a descriptor, gets the descriptor of an output file that was made before that moment.
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Final

from sd_taskpacker.engine.ports import NoRoom
from sd_taskpacker.host.beneath import descended, opened, unlocked
from sd_taskpacker.host.collect import empty
from sd_taskpacker.host.readers import MODE, gid_of, open_to
from sd_taskpacker.host.trust import Trust
from sd_taskpacker.model.serials import Serial, parse
from sd_taskpacker.model.task import Task, describe

RESULTS: Final = "results"
PARAMETERS: Final = "parameters.json"
RECORD: Final = "task.json"
OUTPUT: Final = "output.txt"
_ATTEMPTS: Final = 5
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EROFS_HINT = "the service may write there only with ReadWritePaths= in a drop-in (systemctl edit sd-taskpacker)"
_ADVICE: Final = {
    errno.ENOSPC: "free some space on its file system",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "remount its file system writable",
}

Owner = tuple[int, int] | None
"""uid and gid; None leaves everything with the daemon's own user."""


LetIn = Callable[[int, Task, Owner], None]


class OutputFile(FileIO):
    """Implements `ports.Output`; like every file of Python's it is closed at the latest when nobody holds it."""

    def close(self) -> None:
        # Nothing is written through it here, so an error is about what the task writes (NFS, quotas). The task runs
        # by now, and it is told itself.
        with suppress(OSError):
            super().close()


class WorkDirectories:
    """Implements `ports.Workdirs`. A task without a user runs as the daemon's own (a user instance). `state` is where
    the service keeps everything. That it is read-only there will pass; elsewhere it was never allowed to write.

    `readers` tells the group that may read what tasks leave; whoever submitted a task may then, too. Without it only
    the primary group of the task's user may.
    """

    def __init__(self, state: Path | None = None, *, readers: Callable[[], str] | None = None) -> None:
        self._state = state
        self._readers = readers

    def prepare(self, task: Task) -> OutputFile:
        owner, parts = _owner(task), _parts(task)
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._room(task):
                    return _prepare(task, parts, owner, self._let_in)
            except OSError as error:
                if error.errno == errno.EROFS:
                    raise OSError(error.errno, f"{error.strerror}: {_EROFS_HINT}", task.root_directory) from None
                # Retention may have removed an empty parent between our opening it and our using it.
                if error.errno != errno.ENOENT or attempt == _ATTEMPTS:
                    raise

    def seal(self, task: Task) -> None:
        text = json.dumps(describe(task), ensure_ascii=False, indent=2) + "\n"
        *above, name = _parts(task)
        with (
            self._room(task),
            descended(task.root_directory, above) as parent,
            unlocked(name, within=parent) as work,
        ):
            owner = _owner(task)
            _ensure_results(work, owner)
            if self._readers:  # The task may have closed it.
                self._let_in(work, task, owner)
            with unlocked(RESULTS, within=work) as results:
                _replace(results, RECORD, text.encode(), aside=work)

    def newest(self, root_directory: str, name: str) -> Serial | None:
        found = []
        with suppress(OSError), descended(root_directory, name.split("/")[1:]) as parent:
            found = [parse(entry[1:]) for entry in os.listdir(parent) if entry.startswith("@")]
        return max((serial for serial in found if serial), default=None)

    def _let_in(self, work: int, task: Task, owner: Owner) -> None:
        """Hands the work directory over."""
        gid = gid_of(self._readers()) if self._readers and owner else None
        if owner is None or gid is None:
            _hand_over(work, owner, MODE)
        else:
            open_to(work, owner=owner[0], gid=gid, reader=task.uid)

    def unused(self, task: Task) -> bool:
        *above, name = _parts(task)
        try:
            with descended(task.root_directory, above) as parent, opened(name, within=parent) as work:
                made = set(os.listdir(work))
                return made <= {RESULTS, PARAMETERS} and (RESULTS not in made or _is_unused(work))
        except OSError:
            return False

    def collect(self, task: Task) -> list[str]:
        *above, name = _parts(task)
        try:
            with descended(task.root_directory, above) as parent, unlocked(name, within=parent) as work:
                return empty(work, frozenset({RESULTS}))
        except FileNotFoundError:
            return []
        except OSError as error:
            return [f"{task.directory}: {error.strerror}"]

    def remove(self, task: Task) -> list[str]:
        *above, name = _parts(task)
        try:
            with descended(task.root_directory, above) as parent:
                with unlocked(name, within=parent) as work:
                    problems = empty(work)
                if problems:
                    return problems
                os.rmdir(name, dir_fd=parent)
        except FileNotFoundError:
            pass  # An earlier removal came this far, and may have left the parents.
        except OSError as error:
            return [f"{task.directory}: {error.strerror}"]
        return _remove_empty(task.root_directory, above)

    @contextmanager
    def _room(self, task: Task) -> Iterator[None]:
        """Turns what passes into NoRoom."""
        try:
            yield
        except OSError as error:
            ours = self._state is not None and PurePosixPath(task.root_directory).is_relative_to(self._state)
            advice = _ADVICE.get(error.errno or 0)
            if advice is None or (error.errno == errno.EROFS and not ours):
                raise
            # A quota may be that of the task's user: others have room.
            ours = ours and error.errno != errno.EDQUOT
            raise NoRoom(f"{task.root_directory}: {error.strerror}; {advice}", ours=ours) from error


def _is_unused(work: int) -> bool:
    """Whether results/ has nothing in it but, perhaps, an output file without output."""
    with opened(RESULTS, within=work) as results:
        made = os.listdir(results)
        return not made or (made == [OUTPUT] and os.lstat(OUTPUT, dir_fd=results).st_size == 0)


def _owner(task: Task) -> Owner:
    user = task.user
    if user is None:
        return None
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise LookupError(
            f"the user '{user}' of {task.id} does not exist; create it, or set another User= in {task.unit}"
        ) from None
    return entry.pw_uid, entry.pw_gid


def _parts(task: Task) -> tuple[str, ...]:
    """The work directory's components below the root's directory."""
    try:
        parts = PurePosixPath(task.directory).relative_to(task.root_directory).parts
    except ValueError:
        parts = ()
    if not parts or ".." in parts:
        raise OSError(errno.EINVAL, f"is not below {task.root_directory}", task.directory)
    return parts


def _prepare(task: Task, parts: tuple[str, ...], owner: Owner, let_in: LetIn) -> OutputFile:
    os.makedirs(task.root_directory, mode=0o755, exist_ok=True)
    # Undone before the descriptors are closed: the second stack ends first.
    with ExitStack() as closing, ExitStack() as undoing:
        parent = closing.enter_context(descended(task.root_directory, ()))
        _check_trust(task.root_directory, owner)
        for part in parts[:-1]:
            made = _make_intermediate(parent, part)
            if made:
                undoing.callback(_rmdir_if_empty, part, parent)
            parent = closing.enter_context(opened(part, within=parent))
            if made:
                os.fchmod(parent, 0o755)
        os.mkdir(parts[-1], mode=0o700, dir_fd=parent)
        undoing.callback(os.rmdir, parts[-1], dir_fd=parent)
        work = closing.enter_context(opened(parts[-1], within=parent))
        undoing.callback(empty, work)
        _write_parameters(work, task, owner)
        with _new_results(work, owner) as results:
            output = undoing.enter_context(_new_output(results, owner))
        # Handed over last: until then nobody else can enter it.
        let_in(work, task, owner)
        undoing.pop_all()
        return output


def _check_trust(root: str, owner: Owner) -> None:
    """Whoever can move what lies in it, could have us write elsewhere. A user's own tasks may."""
    flaw = Trust(os.geteuid()).flaw(f"{root}/.") if owner is not None else None
    if flaw is not None:
        raise OSError(errno.EPERM, flaw, root)


def _make_intermediate(parent: int, name: str) -> bool:
    """False when it is there already."""
    try:
        os.mkdir(name, mode=0o755, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _write_parameters(work: int, task: Task, owner: Owner) -> None:
    text = json.dumps(task.parameters | task.secrets, ensure_ascii=False, indent=2) + "\n"
    _write_new(work, PARAMETERS, text.encode(), owner, 0o400 if task.secrets else 0o640)


@contextmanager
def _new_results(work: int, owner: Owner) -> Iterator[int]:
    """A descriptor of results/, which is handed over when the block has filled it."""
    os.mkdir(RESULTS, mode=0o700, dir_fd=work)
    with opened(RESULTS, within=work) as results:
        yield results
        _hand_over(results, owner, 0o755)


def _new_output(results: int, owner: Owner) -> OutputFile:
    # O_APPEND belongs to what is opened, not to who holds it: a task that opens the file again, to append, and we
    # do not write over each other.
    fd = os.open(OUTPUT, _CREATE | os.O_APPEND, 0o600, dir_fd=results)
    output = OutputFile(fd, "ab")
    try:
        _hand_over(fd, owner, 0o644)
    except OSError:
        output.close()
        raise
    return output


def _write_new(directory: int, name: str, content: bytes, owner: Owner, mode: int) -> None:
    fd = os.open(name, _CREATE, 0o600, dir_fd=directory)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            _hand_over(fd, owner, mode)
    except OSError:
        os.unlink(name, dir_fd=directory)
        raise


def _hand_over(fd: int, owner: Owner, mode: int) -> None:
    """The mode by fchmod, which the umask does not change."""
    if owner is not None:
        os.fchown(fd, *owner)
    os.fchmod(fd, mode)


def _ensure_results(work: int, owner: Owner) -> None:
    """A task may have put anything in the place of results/."""
    try:
        if stat.S_ISDIR(os.stat(RESULTS, dir_fd=work, follow_symlinks=False).st_mode):
            return
        os.unlink(RESULTS, dir_fd=work)
    except FileNotFoundError:
        pass
    with _new_results(work, owner):
        pass


def _replace(directory: int, name: str, content: bytes, *, aside: int) -> None:
    """All of the new text or none, whatever the task left under that name: a directory is moved aside. The text is
    first written in `aside`, which is emptied later: a daemon that is killed meanwhile leaves nothing."""
    temporary = f".{name}.{secrets.token_hex(8)}"
    _write_new(aside, temporary, content, None, 0o644)
    try:
        try:
            os.rename(temporary, name, src_dir_fd=aside, dst_dir_fd=directory)
        except IsADirectoryError:
            os.rename(name, f"{name}.{secrets.token_hex(8)}", src_dir_fd=directory, dst_dir_fd=directory)
            os.rename(temporary, name, src_dir_fd=aside, dst_dir_fd=directory)
    except OSError:
        os.unlink(temporary, dir_fd=aside)
        raise


def _remove_empty(root: str, parts: Sequence[str]) -> list[str]:
    """Removes the directories above a work directory, the innermost first, up to one that is still used."""
    for count in range(len(parts), 0, -1):
        try:
            with descended(root, parts[: count - 1]) as parent:
                if not _rmdir_if_empty(parts[count - 1], parent):
                    return []
        except FileNotFoundError:
            continue
        except OSError as error:
            return [f"{root}/{'/'.join(parts[:count])}: {error.strerror}"]
    return []


def _rmdir_if_empty(name: str, parent: int) -> bool:
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True
