# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a hostile task does: `deeds.py DEED [ARGUMENT...]`, run inside of one. It needs nothing but Python.

Each deed prints what it got away with, as JSON; nothing is the empty list.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

MIB: Final = 1 << 20
LIBC: Final = ctypes.CDLL(None, use_errno=True)
SYSTEMD: Final = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
PTRACE_ATTACH, NEWUSER, NEWNS = 16, 0x10000000, 0x20000
STATE: Final = "/var/lib/sd-taskpacker"

Attempt = tuple[str, Callable[[], object]]


def got_away(attempts: Iterator[Attempt]) -> list[str]:
    done = []
    for name, attempt in attempts:
        with suppress(OSError):
            attempt()
            done.append(name)
    return done


def _call(name: str, *arguments: Any) -> None:
    """A function of libc that answers below zero when it fails."""
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


# Too much of something.


def bomb() -> None:
    """Every process makes more, for ever; they only end when somebody ends them."""
    while True:
        with suppress(OSError):
            os.fork()


def threads() -> int:
    """How many processes and threads there can be at once, up to 5,000."""
    threading.stack_size(64 << 10)
    over = threading.Event()
    count = 1
    with suppress(RuntimeError):
        while count < 5_000:
            threading.Thread(target=over.wait, daemon=True).start()
            count += 1
    return count


def children() -> None:
    """Each of them within the size of the task, and all of them far beyond."""
    for _ in range(16):
        if os.fork() == 0:
            _held = bytearray(os.urandom(MIB)) * 24
            signal.pause()
    # The kernel takes one of them. What becomes of the others is for whoever started them, where it cannot take all
    # (cgroup v1).
    os.wait()
    sys.exit(1)


def shared_memory() -> None:
    with open("/dev/shm/hostile", "wb") as file:
        for _ in range(300):
            file.write(bytes(MIB))
            file.flush()


def little_shared_memory() -> list[str]:
    """Leaves some of each kind behind."""
    Path("/dev/shm/hostile").write_bytes(bytes(MIB))
    Path("/tmp/hostile").write_bytes(bytes(MIB))
    _call("shmget", 0x4711, MIB, 0o1666)
    return sorted(os.listdir("/dev/shm"))


def files() -> int:
    """How many are open at once, up to 100,000."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[int] = []
    with suppress(OSError):
        while len(held) < 100_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    return len(held)


def page_cache() -> int:
    """Reads far more than its size; answers how many MiB."""
    seen = 0
    for directory, _, names in os.walk("/usr"):
        for name in names:
            with suppress(OSError), open(os.path.join(directory, name), "rb", buffering=0) as file:
                while chunk := file.read(MIB):
                    seen += len(chunk)
            if seen > 400 * MIB:
                return seen // MIB
    return seen // MIB


def endless_output() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it.
    while True:
        os.write(1, b"x" * 65_536)


def fill_disk() -> None:
    with open("everything", "wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError as error:
                sys.exit(0 if error.errno == errno.ENOSPC else 1)


# Other processes.


def attack(*pids: str) -> list[str]:
    """Signals, memory and debugging."""
    return got_away(_attacks([int(pid) for pid in pids]))


def _attacks(pids: list[int]) -> Iterator[Attempt]:
    for pid in pids:
        yield f"kill {pid}", partial(os.kill, pid, signal.SIGKILL)
    yield from _spying(pids)


def spy(*pids: str) -> list[str]:
    return got_away(_spying([int(pid) for pid in pids]))


def _spying(pids: list[int]) -> Iterator[Attempt]:
    for pid in pids:
        yield f"ptrace {pid}", partial(_call, "ptrace", PTRACE_ATTACH, pid, 0, 0)
        for name in ("mem", "environ", "maps", "fd/1"):
            yield f"{name} {pid}", Path(f"/proc/{pid}/{name}").read_bytes
        for name in ("cwd", "root"):
            yield f"{name} {pid}", partial(os.listdir, f"/proc/{pid}/{name}")


# Places and privileges.


def reach() -> list[str]:
    """Everything of the daemon's and of systemd's that it might open for writing, make, or talk to."""
    return got_away(_reaching())


def _open(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY))


def _reaching() -> Iterator[Attempt]:
    for path in (STATE, "/run/sd-taskpacker", "/etc/sd-taskpacker/units", "/run/systemd/system", "/etc", "/usr/bin"):
        yield f"made {path}", Path(path, "hostile").touch
    yield "box", lambda: os.listdir("/run/sd-taskpacker/ended")
    yield "receipt", lambda: os.makedirs("/run/sd-taskpacker/ended/taskpacker-hostile:1.service/success.exited.0")
    for path in ("/etc/passwd", f"{STATE}/state.sqlite", "/dev/kmsg", "/dev/mem", "/proc/sysrq-trigger"):
        yield f"opened {path}", partial(_open, path)
    yield "/run/systemd/private", lambda: socket.socket(socket.AF_UNIX).connect("/run/systemd/private")
    for directory, _, names in os.walk("/sys/fs/cgroup"):
        for name in names:
            if name in ("cgroup.procs", "tasks", "memory.max", "memory.limit_in_bytes", "pids.max"):
                path = os.path.join(directory, name)
                yield f"opened {path}", partial(_open, path)


def privileges() -> list[str]:
    status = Path("/proc/self/status").read_text()
    lacking = [] if "NoNewPrivs:\t1" in status else ["new privileges"]
    return lacking + got_away(_privileges())


def _privileges() -> Iterator[Attempt]:
    yield "mount", lambda: _call("mount", b"tmpfs", b"/mnt", b"tmpfs", 0, None)
    yield "umount", lambda: _call("umount2", os.getcwd().encode(), 2)
    yield "setuid", lambda: os.setuid(0)
    yield "chroot", lambda: os.chroot(".")
    yield "chown", lambda: os.chown("results", 0, 0)
    yield "mknod", lambda: os.mknod("disk", stat.S_IFBLK | 0o666, os.makedev(254, 0))
    yield "nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -10)
    yield "score", lambda: Path("/proc/self/oom_score_adj").write_text("-500")
    shutil.copy("/bin/sh", "results/sh")
    for mode in (0o4755, 0o2755):
        yield f"chmod {mode:o}", partial(os.chmod, "results/sh", mode)
    for program in ("/usr/bin/su", "/bin/mount"):
        if os.access(program, os.X_OK):
            yield program, partial(_as_root, program)


def _as_root(program: str) -> None:
    """The program has the set-user-ID bit."""
    words = [program, "-c", "true"] if program.endswith("su") else [program, "-t", "tmpfs", "tmpfs", "/mnt"]
    if subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
        raise OSError(errno.EPERM, program)


def nested_mount() -> list[str]:
    """In a namespace of its own it may mount what it likes, where the kernel lets it make one."""
    with suppress(OSError):
        _call("unshare", NEWUSER | NEWNS)
        _call("mount", b"tmpfs", b"/etc", b"tmpfs", 0, None)
    return []


def calls(unit: str, own: str) -> list[str]:
    """systemd's methods over the system bus: start something as root, raise its limits, end others."""
    start = ["StartTransientUnit", "ssa(sv)a(sa(sv))", "hostile.service", "fail", "1", "ExecStart", "a(sasb)", "1"]
    asked = {
        "start": [*start, "/bin/touch", "2", "/bin/touch", "/hostile", "false", "0"],
        "kill": ["KillUnit", "ssi", unit, "all", "9"],
        "stop": ["StopUnit", "ss", unit, "fail"],
        "stop the daemon": ["StopUnit", "ss", "sd-taskpacker.service", "fail"],
        "raise": ["SetUnitProperties", "sba(sv)", own, "true", "1", "MemoryMax", "t", "18446744073709551615"],
        "escape": ["AttachProcessesToUnit", "ssau", "init.scope", "", "1", str(os.getpid())],
        "reload": ["Reload"],
        "environment": ["SetEnvironment", "as", "1", "LD_PRELOAD=/tmp/hostile.so"],
        "power off": ["PowerOff"],
    }
    return [name for name, words in asked.items() if _busctl("call", *SYSTEMD, *words)]


def _busctl(*words: str) -> bool:
    return subprocess.run(["busctl", *words], capture_output=True, check=False).returncode == 0


# The end.


def linger(place: str) -> list[str]:
    """A grandchild in a session of its own hears no signal that it can ignore, and holds the output open."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCONT):
                signal.signal(number, signal.SIG_IGN)
            Path(place).write_text(str(os.getpid()))
            os.write(write, b"1")
            while True:
                signal.pause()
        os._exit(0)
    os.read(read, 1)
    return []


def fake() -> list[str]:
    """Tells systemd and the journal things, and writes the record of its own run."""
    Path("results/task.json").write_text('{"result": "success"}')
    with suppress(OSError):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.sendto(b"READY=1\nMAINPID=1\nSTATUS=fine\nERRNO=0\n", "/run/systemd/notify")
    with suppress(OSError):
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        journal.sendto(b"TASKPACKER_TASK=victim@1\nMESSAGE=forged\nUNIT=x\n", "/run/systemd/journal/socket")
    os.environ.update(SERVICE_RESULT="success", EXIT_CODE="exited", EXIT_STATUS="0")
    sys.exit(7)


def main() -> None:
    deed, *arguments = sys.argv[1:]
    said = globals()[deed](*arguments)
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
