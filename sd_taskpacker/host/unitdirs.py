# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unit directories on disk -> a Catalogue.

A unit is found in the highest directory that has a file of its name; its drop-ins, `NAME.batch.d/*.conf`, come from
all directories, where again the higher file of a name wins. A link to /dev/null, or an empty file, masks.

What stays true whatever lies in the directories: `refresh` does not raise and does not block (a fifo is opened
without waiting), reads no more of a file than a unit may have, and keeps the last good definition of a unit whose new
text is bad. Only a unit whose directory clashes with another's (host.apart), or whose environment others than root
can change (host.environment), is not in force at all.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sd_taskpacker.host.apart import misplaced
from sd_taskpacker.host.environment import untrusted
from sd_taskpacker.host.trust import Trust
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.settings import Source, load_unit
from sd_taskpacker.model.syntax import MAX_BYTES
from sd_taskpacker.model.unit import Catalogue, Kind, RefusedUnit, TaskUnit
from sd_taskpacker.model.unitpath import SYSTEM_DIRECTORIES as SYSTEM_PATH
from sd_taskpacker.model.unitpath import unit_directories

SYSTEM_DIRECTORIES: Final = tuple(map(Path, SYSTEM_PATH))

_DEV_NULL: Final = os.makedev(1, 3)
_HINTS: Final = {
    errno.ENOENT: "is a link to nothing; correct or remove it",
    errno.ELOOP: "is a link that leads back to itself; correct or remove it",
    errno.EACCES: "cannot be read by the daemon; check the permissions of the file and its directories",
}

Stamp = tuple[object, ...]
"""What changes when a file does: path, and device, inode, size, mtime and ctime of the link and of its target."""
UnitKey = tuple[Kind, str]
Unfit = Mapping[UnitKey, tuple[Problem, ...]]
"""Units that read well and may not run all the same."""


def default_directories(*, user: bool, environ: Mapping[str, str]) -> tuple[Path, ...]:
    return tuple(map(Path, unit_directories(user=user, environ=environ)))


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    stamp: Stamp
    flaw: str | None = None
    """Why it cannot be trusted."""


@dataclass(frozen=True, slots=True)
class _Files:
    """A unit's own file, and its drop-ins in the order in which they apply."""

    main: _File
    dropins: tuple[_File, ...]


@dataclass(frozen=True, slots=True)
class _Survey:
    """What lies in the directories, unread. Equal surveys mean that no file has changed."""

    files: dict[UnitKey, _Files]
    stamps: tuple[Stamp, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    files: _Files
    unit: TaskUnit | None
    """The last good definition, which may be older than `files`."""
    problems: tuple[Problem, ...] = ()
    masked: bool = False

    @property
    def refused(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)


class UnitDirectories:
    """Implements engine.ports.Units. Not for two threads at once."""

    def __init__(
        self,
        directories: Sequence[Path],
        *,
        trust: Callable[[], Trust] | None = None,
        state: Path | None = None,
        runtime: Path | None = None,
    ) -> None:
        """With `trust`, which makes one for each look, what others than root can write is refused. No task has its
        directory among those of the service, `state` and `runtime`, but the one that it is given there."""
        self._directories = tuple(directories)
        self._trust = trust
        self._own = (str(state) if state else None, str(runtime) if runtime else None)
        self._survey: _Survey | None = None
        self._loaded: dict[UnitKey, _Loaded] = {}
        self._unfit: Unfit = {}
        self._catalogue = Catalogue()

    def refresh(self, *, force: bool = False) -> Catalogue:
        """Looks at every file and reads those that changed, all of them with `force`. Does not raise."""
        trust = self._trust() if self._trust else None
        survey = _survey(self._directories, trust)
        changed = survey != self._survey or force
        if changed:
            # The stamps were taken before anything is read: a file that changes meanwhile is read again next time.
            self._loaded = {key: self._load(key, files, force) for key, files in survey.files.items()}
            self._survey = survey
        # Whose an environment file is can change while no unit does.
        unfit = untrusted(_units(self._loaded), trust)
        if changed or unfit != self._unfit:
            self._unfit = unfit
            self._catalogue = _catalogue(self._loaded, survey.problems, unfit, *self._own)
        return self._catalogue

    def _load(self, key: UnitKey, files: _Files, force: bool) -> _Loaded:
        before = self._loaded.get(key)
        if before is not None and before.files == files and not force:
            return before
        loaded = _load(key, files)
        if loaded.unit is None and not loaded.masked and before is not None:
            return _Loaded(files, before.unit, loaded.problems)
        return loaded


def _units(loaded: Mapping[UnitKey, _Loaded]) -> dict[UnitKey, TaskUnit]:
    return {key: one.unit for key, one in loaded.items() if one.unit is not None}


def _catalogue(
    loaded: Mapping[UnitKey, _Loaded],
    problems: Sequence[Problem],
    unfit: Unfit,
    state: str | None,
    runtime: str | None,
) -> Catalogue:
    present = _without({key: one for key, one in sorted(loaded.items()) if not one.masked}, unfit)
    clashes = misplaced(_units(present).values(), state, runtime)
    present = _without(present, {key: (problem,) for key, problem in clashes.items()})
    every = [*problems, *(problem for one in present.values() for problem in one.problems)]
    return Catalogue(
        units=_units(present),
        problems=tuple(every),
        refused=tuple(
            RefusedUnit(_shown(name), kind, _shown(one.files.main.path), one.problems)
            for (kind, name), one in present.items()
            if one.refused
        ),
    )


def _without(loaded: Mapping[UnitKey, _Loaded], unfit: Unfit) -> dict[UnitKey, _Loaded]:
    """Not one of the definitions of an unfit unit is good."""
    return {
        key: _Loaded(one.files, None, (*one.problems, *unfit[key])) if key in unfit else one
        for key, one in loaded.items()
    }


def _load(key: UnitKey, files: _Files) -> _Loaded:
    """Reads a unit's files. A drop-in that cannot be read refuses the unit: it may hold what makes it safe."""
    kind, name = key
    sources, problems = list[Source](), list[Problem]()
    for file in (files.main, *files.dropins):
        if file.flaw:
            problems.append(_problem(file.path, f"is not used: {_shown(file.flaw)}"))
            continue
        try:
            text = _read(file.path)
        except OSError as e:
            problems.append(_problem(file.path, _reason(e)))
            continue
        if text:
            sources.append(Source(_shown(file.path), text))
        elif file is files.main:
            return _Loaded(files, None, masked=True)
    if problems:
        return _Loaded(files, None, tuple(problems))
    unit, found = load_unit(kind, name, sources)
    return _Loaded(files, unit, found)


def _read(path: str) -> bytes:
    """At most one byte more than a unit file may have; nothing for /dev/null. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == _DEV_NULL:
            return b""
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file; only files and links to files can be units")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _survey(directories: Sequence[Path], trust: Trust | None) -> _Survey:
    mains: dict[str, _File] = {}
    dropins: dict[str, dict[str, _File]] = {}
    stamps, problems = list[Stamp](), list[Problem]()
    for directory in directories:
        for file in _entries(str(directory), trust, stamps, problems):
            base = os.path.basename(file.path)
            if _key(base) is not None:
                mains.setdefault(base, file)
            elif base.endswith(".d") and _key(base[:-2]) is not None:
                for conf in _entries(file.path, trust, stamps, problems):
                    if conf.path.endswith(".conf"):
                        dropins.setdefault(base[:-2], {}).setdefault(os.path.basename(conf.path), conf)
    files = {}
    for base, main in mains.items():
        if (key := _key(base)) is not None:
            ordered = sorted(dropins.get(base, {}).items())
            files[key] = _Files(main, tuple(file for _, file in ordered))
    problems += [_orphan(base, of) for base, of in dropins.items() if base not in mains]
    return _Survey(files, tuple(stamps), tuple(problems))


def _entries(directory: str, trust: Trust | None, stamps: list[Stamp], problems: list[Problem]) -> Iterator[_File]:
    """What is in a directory, by name; hidden files are those of editors. A missing directory is an empty one."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return
    except OSError as e:
        problems.append(_problem(directory, _reason(e)))
        return
    stamps.append(_stamp(directory))
    for name in names:
        if not name.startswith("."):
            path = os.path.join(directory, name)
            file = _File(path, _stamp(path), trust.flaw(path) if trust else None)
            stamps.append(file.stamp)
            yield file


def _stamp(path: str) -> Stamp:
    return (path, *_identity(path, follow=False), *_identity(path, follow=True))


def _identity(path: str, *, follow: bool) -> Stamp:
    try:
        status = os.stat(path, follow_symlinks=follow)
    except OSError as e:
        return (e.errno,)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _key(base: str) -> UnitKey | None:
    """`massif.batch` -> (batch, massif); None when the file is not named like a unit."""
    name, _, suffix = base.rpartition(".")
    return (Kind(suffix), name) if name and suffix in (*Kind,) else None


def _orphan(base: str, dropins: Mapping[str, _File]) -> Problem:
    directory = os.path.dirname(next(iter(dropins.values())).path)
    return Problem(_shown(directory), 0, "", Severity.WARNING, f"there is no unit {base} that these drop-ins change")


def _reason(error: OSError) -> str:
    if error.errno == errno.EINVAL and error.strerror:
        return error.strerror
    return _HINTS.get(error.errno or 0) or f"cannot be read: {error.strerror}"


def _problem(path: str, message: str) -> Problem:
    return Problem(_shown(path), 0, "", Severity.ERROR, message)


def _shown(path: str) -> str:
    """A file name need not be text; what leaves this module is."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
