# SPDX-License-Identifier: LGPL-2.1-or-later
"""What PID 1 leaves behind when a task's unit ends, so that nothing is lost while the daemon is away.

Every unit whose name begins with `taskpacker-` takes our drop-in (systemd.unit(5), "foo-.service.d"), with one
ExecStopPost= command with the prefixes `+` (privileged) and `-` (its failure does not matter). systemd runs it in
the unit's cgroup for success and failure alike, before it tells the end of the job and removes the cgroup, and
expands the variables itself (systemd.exec(5)):

    BOX/UNIT/${SERVICE_RESULT}.${EXIT_CODE}.${EXIT_STATUS}/COUNTER...
    /run/sd-taskpacker/ended/taskpacker-build:20261121.0.service/exit-code.exited.1/memory.peak

Both later words may be empty (`resources..`).

Why a drop-in: measured with systemd 252, a command set over D-Bus as `ExecStopPostEx` is lost by `systemctl
daemon-reload`, since systemd writes that name to the transient unit file and then does not know it. The drop-in
stays, costs no bytes per start, and a unit that is loaded later takes it without a reload.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sd_taskpacker.engine.ports import Receipt

INSTALL = "/usr/bin/install"
DROPIN = "taskpacker-.service.d/10-receipt.conf"
_RESULT = "${SERVICE_RESULT}.${EXIT_CODE}.${EXIT_STATUS}"


class ReceiptBox:
    """Implements `ports.Receipts`. `counters` are the files worth keeping, as systemd finds them when it has
    expanded `%n` and the task's environment in them."""

    def __init__(self, directory: Path, counters: Sequence[str] = ()) -> None:
        self._directory = directory
        self._counters = counters

    def create(self) -> None:
        """Makes the box, for the daemon's user alone. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)

    def install_dropin(self, directory: Path) -> None:
        """Writes the drop-in below systemd's unit directory, unless it is there as it should be. Raises OSError."""
        place = directory / DROPIN
        text = f"# Written by sd-taskpacker at its start.\n[Service]\nExecStopPost=+-{_quoted(self.command())}\n"
        with suppress(FileNotFoundError):
            if place.read_text() == text:
                return
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        staged = place.with_suffix(".new")
        staged.write_text(text)
        staged.rename(place)

    def command(self) -> tuple[str, ...]:
        """The words of ExecStopPost=. A counter that is missing at the end is no loss: install(1) still makes
        the directory and copies the others."""
        target = f"{_literal(str(self._directory))}/%n/{_RESULT}"
        if not self._counters:
            return (INSTALL, "-d", "-m", "0700", target)
        return (INSTALL, "-D", "-m", "0600", "-t", target, *self._counters)

    def read(self, unit: str) -> Receipt | None:
        """The newest receipt of the unit, None when there is none."""
        try:
            with os.scandir(self._directory / unit) as found:
                whole = [each for each in found if each.name.count(".") == 2 and each.is_dir()]
        except FileNotFoundError:
            return None
        return _receipt(max(whole, key=_written)) if whole else None

    def discard(self, unit: str) -> None:
        """Unknown units are fine. Links are never followed."""
        with suppress(FileNotFoundError):
            _remove(str(self._directory / unit))


def _remove(path: str) -> None:
    """Nobody else may write in the box, so that nothing changes meanwhile."""
    try:
        os.unlink(path)
    except (IsADirectoryError, PermissionError):
        with os.scandir(path) as found:
            inside = [each.path for each in found]
        for each in inside:
            _remove(each)
        os.rmdir(path)


def _literal(text: str) -> str:
    """So that systemd expands nothing in it."""
    return text.replace("$", "$$").replace("%", "%%")


def _quoted(words: Sequence[str]) -> str:
    """As systemd.syntax(7) reads it back: in double quotes, with backslashes doubled."""
    return " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)


def _written(directory: os.DirEntry[str]) -> int:
    return directory.stat().st_mtime_ns


def _receipt(directory: os.DirEntry[str]) -> Receipt:
    result, code, status = directory.name.split(".")
    with os.scandir(directory.path) as found:
        counted = {each.name: _text(each) for each in found if each.is_file()}
    return Receipt(
        service_result=result,
        exit_code=code,
        exit_status=status,
        ended_usec=_written(directory) // 1_000,
        cpu_usec=_cpu_usec(counted),
        memory_peak=_first(counted, "memory.peak", "memory.max_usage_in_bytes"),
        oom_kills=_field(counted, "memory.events", "oom_kill")
        or _field(counted, "memory.oom_control", "oom_kill")
        or 0,
    )


def _cpu_usec(counted: Mapping[str, str]) -> int | None:
    usec = _field(counted, "cpu.stat", "usage_usec")
    if usec is not None:
        return usec
    nsec = _first(counted, "cpuacct.usage")
    return None if nsec is None else nsec // 1_000


def _first(counted: Mapping[str, str], *files: str) -> int | None:
    numbers = (_number(counted.get(file, "")) for file in files)
    return next((number for number in numbers if number is not None), None)


def _field(counted: Mapping[str, str], file: str, key: str) -> int | None:
    """The number after `key` in a file of `key number` lines. A counter that is not there is unknown, as is one that
    makes no sense."""
    for line in counted.get(file, "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return _number(value)
    return None


def _number(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if stripped.isascii() and stripped.isdecimal() else None


def _text(file: os.DirEntry[str]) -> str:
    with open(file.path, "rb", buffering=0) as opened:
        return opened.read().decode("ascii", "replace")
