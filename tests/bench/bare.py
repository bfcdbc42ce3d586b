# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client in C (bare.c), and the messages that it is given ready: what a call costs without anything around it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dbus_next import Message

from sd_taskpacker.bus.names import BUS, BUS_PATH
from sd_taskpacker.bus.properties import OUTPUT, transient
from sd_taskpacker.bus.systemd_manager import MANAGER, SYSTEMD, SYSTEMD_PATH
from sd_taskpacker.bus.wire import variant_of
from sd_taskpacker.model.task import Task
from tests.system.machine import MANAGER as TASKPACKER
from tests.system.machine import NAME, PATH

SOCKET: Final = "/run/dbus/system_bus_socket"
FIRST_SERIAL: Final = 10
"""As in bare.c."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A message, and the file that goes with it."""

    message: Message
    file: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    sent: tuple[int, ...]
    """When (CLOCK_REALTIME, ns) each message was first sent."""
    seconds: float
    """From the first message to the last end."""
    rejections: int
    failures: int


class BareClient:
    """Compiled into `directory`, where its messages go, too."""

    def __init__(self, directory: Path) -> None:
        self._program = directory / "bare"
        self._messages = directory / "messages"
        source = Path(__file__).with_suffix(".c")
        subprocess.run(["gcc", "-O2", "-o", self._program, source], check=True)

    def run_units(self, tasks: Sequence[Task], outstanding: int, prefix: str = "") -> Run:
        """Starts the tasks' units itself. `prefix`: of their names, instead of our own, which has the drop-in."""
        sendings = [Sending(start_message(task, prefix), f"{task.results}/output.txt") for task in tasks]
        self._write(_match(SYSTEMD, MANAGER) + ",member='JobRemoved'", sendings)
        return self._run(outstanding, len(tasks), "job", prefix or "taskpacker-")

    def run_calls(self, calls: Iterable[Message], outstanding: int, ends: int) -> Run:
        """Calls the service, and waits for so many ends that it tells of."""
        self._write(_match(NAME, TASKPACKER), [Sending(call) for call in calls])
        return self._run(outstanding, ends, "task")

    def _write(self, match: str, sendings: Sequence[Sending]) -> None:
        hello = Sending(Message(destination=BUS, path=BUS_PATH, interface=BUS, member="Hello"))
        add = Message(destination=BUS, path=BUS_PATH, interface=BUS, member="AddMatch", signature="s", body=[match])
        with self._messages.open("wb") as file:
            for number, sending in enumerate([hello, Sending(add), *sendings]):
                sending.message.serial = FIRST_SERIAL + number
                data, path = bytes(sending.message._marshall(True)), sending.file.encode()
                file.write(len(data).to_bytes(4, "little") + len(path).to_bytes(4, "little") + data + path)

    def _run(self, outstanding: int, ends: int, *what: str) -> Run:
        words = [str(self._program), SOCKET, str(self._messages), str(outstanding), str(ends), *what]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        *sent, last = done.stdout.splitlines()
        seconds, rejections, failures = last.split()
        return Run(tuple(map(int, sent)), float(seconds), int(rejections), int(failures))


def start_message(task: Task, prefix: str = "") -> Message:
    """StartTransientUnit with everything that the product gives a task."""
    properties = transient(task)
    unit = prefix + task.id.unit_name
    encoded = [[name, variant_of(value)] for name, value in properties]
    with_file = any(name == OUTPUT for name, _ in properties)
    return Message(
        destination=SYSTEMD,
        path=SYSTEMD_PATH,
        interface=MANAGER,
        member="StartTransientUnit",
        signature="ssa(sv)a(sa(sv))",
        body=[unit, "fail", encoded, []],
        unix_fds=[0] if with_file else [],  # How many is all that is written of them.
    )


def call_message(member: str, signature: str = "", *body: Any) -> Message:
    return Message(
        destination=NAME, path=PATH, interface=TASKPACKER, member=member, signature=signature, body=list(body)
    )


def _match(sender: str, interface: str) -> str:
    return f"type='signal',sender='{sender}',interface='{interface}'"
