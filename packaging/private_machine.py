# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd in namespaces of its own: started, watched until it has booted, killed.

packaging/private-init runs first inside; it puts the root together and becomes systemd.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from private_cgroups import Cgroups

BOOT_SECONDS = 90.0
ANSWER_SECONDS = 60.0
LOG_LINES = 25
LOG_BYTES = 65536
INIT = Path(__file__).resolve().with_name("private-init")


class BootError(Exception):
    """The machine did not come up; the message is for a person and may have several lines."""


def enter_machine(pid: int) -> list[str]:
    """The command line in front of a program that is to run inside; `pid` is systemd's, seen from outside."""
    return ["nsenter", "-t", str(pid), "-m", "-p", "-i", "-u", "-C", "-r", "-w"]


class Machine:
    """One private systemd. It lives no longer than the process that made it."""

    def __init__(self, cgroups: Cgroups, binds: Sequence[str], hostname: str) -> None:
        self.pid = 0
        self._said = bytearray()
        self._console, terminal = os.openpty()
        os.set_blocking(self._console, False)
        order = {
            "binds": list(binds),
            "hostname": hostname,
            "console": os.ttyname(terminal),
            "cgroups": cgroups.mounts(),
        }
        # setpriv and --kill-child chain the machine to us: when we die, unshare dies, and systemd with it.
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "-C", "-m", "-p", "-i", "-u", "-f", "--kill-child"]
        argv += ["--propagation", "private", sys.executable, "-I", str(INIT), json.dumps(order)]
        go_ahead, self._go_ahead = os.pipe()  # private-init reads it as its standard input.
        self._unshare = subprocess.Popen(
            argv, stdin=go_ahead, stdout=terminal, stderr=terminal, preexec_fn=cgroups.enter, start_new_session=True
        )
        os.close(go_ahead)
        os.close(terminal)
        self._cgroups = cgroups

    def wait_booted(self, hangup: socket.socket) -> str:
        """systemd's own word for its state (`running`, `degraded`), empty when the other side hung up meanwhile.

        Raises BootError.
        """
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._pause(0.05, hangup):
                return ""
            if self._unshare.poll() is not None:
                raise BootError("it ended while it was booting." + self._last_words())
            if not self.pid and (pid := self._find_pid()):
                self._let_go(pid)
            if self.pid and (state := self._booted()):
                return state
        raise BootError(f"its boot was not finished after {BOOT_SECONDS:.0f} s." + self._last_words())

    def stay_until(self, hangup: socket.socket) -> None:
        """Returns when the other side hangs up, or when systemd has ended (`systemctl poweroff` inside)."""
        while self._unshare.poll() is None and not self._pause(0.2, hangup):
            pass

    def failed_units(self) -> list[str]:
        lines = self._ask("systemctl", "--failed", "--plain", "--no-legend")[1].splitlines()
        return [line.split()[0] for line in lines if line.strip()]

    def kill(self) -> None:
        """SIGKILL to PID 1 ends every process of the namespace; the mounts go with the last of them."""
        with suppress(ProcessLookupError):
            if pid := self.pid or self._find_pid():
                os.kill(pid, signal.SIGKILL)
        self._unshare.kill()
        self._unshare.wait()
        os.close(self._console)
        os.close(self._go_ahead)

    def _let_go(self, pid: int) -> None:
        """The child has its own view of the cgroups now, so unshare, which only waits for it, leaves them."""
        self.pid = pid
        with suppress(BrokenPipeError, ProcessLookupError):  # It has ended already, which the next look finds.
            self._cgroups.take_out(self._unshare.pid)
            os.write(self._go_ahead, b"\n")

    def _booted(self) -> str:
        """The state once boot is over and the system bus answers, empty before."""
        if not os.path.exists(f"/proc/{self.pid}/root/run/dbus/system_bus_socket"):
            return ""
        state = self._ask("systemctl", "is-system-running", "--wait")[1].strip()
        ping = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId")
        answers = state in ("running", "degraded") and self._ask("busctl", "call", *ping)[0] == 0
        return state if answers else ""

    def _last_words(self) -> str:
        """What systemd said last: on its console and, once that was up, in its journal."""
        self._drain()
        lines = self._said.decode(errors="replace").replace("\r", "").splitlines()[-LOG_LINES:]
        if self.pid and self._unshare.poll() is None:
            lines += self._ask("systemctl", "--no-pager", "list-jobs")[1].splitlines()
            lines += self._ask("journalctl", "--no-pager", "--output=short-monotonic", "-n", str(LOG_LINES))[
                1
            ].splitlines()
        return "".join(f"\n  | {line}" for line in lines) or " It left no log."

    def _ask(self, *argv: str) -> tuple[int, str]:
        try:
            done = subprocess.run(
                [*enter_machine(self.pid), *argv],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=ANSWER_SECONDS,
                text=True,
            )
        except subprocess.TimeoutExpired:
            return 1, f"{' '.join(argv)}: no answer within {ANSWER_SECONDS:.0f} s"
        return done.returncode, done.stdout

    def _find_pid(self) -> int:
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        with suppress(FileNotFoundError):
            return int((children.read_text().split() or ["0"])[0])
        return 0

    def _pause(self, seconds: float, hangup: socket.socket) -> bool:
        """Whether the other side hung up. A console that nobody reads would block systemd once it is full."""
        self._drain()
        with selectors.DefaultSelector() as selector:
            selector.register(hangup, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def _drain(self) -> None:
        with suppress(OSError):  # EAGAIN: nothing more to read; EIO: nobody has the other end open just now.
            while chunk := os.read(self._console, LOG_BYTES):
                self._said += chunk
                del self._said[:-LOG_BYTES]
