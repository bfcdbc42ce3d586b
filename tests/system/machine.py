# SPDX-License-Identifier: LGPL-2.1-or-later
"""The booted machine, as a system test sees it: the daemon behind a real bus, real units, real cgroups.

Everything runs inside the private machine: as root with the machine's instance, or as an ordinary user with that
user's own (see tests/system/as-user). Waiting is for a condition, never for a time; when it is in
vain the daemon's journal is part of the failure.
"""

from __future__ import annotations

import asyncio
import getpass
import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from dbus_next import DBusError, Message, MessageType, Variant

from sd_taskpacker.bus.connection import Connection, connect
from sd_taskpacker.errors import Unreachable
from tests.system.cgroups import LimitWatch, memory_limit

NAME: Final = "org.sdtaskpacker1"
PATH: Final = "/org/sdtaskpacker1"
MANAGER: Final = NAME + ".Manager"
SERVICE: Final = "sd-taskpacker.service"
USER: Final = os.geteuid() != 0
"""Whether it is the instance of the user who runs the tests."""
UNITS: Final = Path.home() / ".config/sd-taskpacker/units" if USER else Path("/etc/sd-taskpacker/units")
STATE: Final = Path.home() / ".local/state/sd-taskpacker" if USER else Path("/var/lib/sd-taskpacker")
OUTSIDE: Final = Path.home() / "taskpacker-tests" if USER else Path("/srv/taskpacker-tests")
TASK_USER: Final = getpass.getuser() if USER else "taskpacker"
_WHICH: Final = ("--user",) if USER else ()
CTL: Final = ("taskpackerctl", *_WHICH)
BUSCTL: Final = ("/usr/bin/busctl", *_WHICH)
_CONFIG: Final = Path.home() / ".config/systemd/user" if USER else Path("/etc/systemd/system")
DROPINS: Final = _CONFIG / "sd-taskpacker.service.d"
MEMORY: Final = "1G"
PATIENCE: Final = float(os.environ.get("TASKPACKER_TEST_PATIENCE", "60"))
"""Seconds; an emulated processor wants more."""
WENT_AWAY: Final = frozenset(
    f"org.freedesktop.DBus.Error.{name}" for name in ("NoReply", "Disconnected", "ServiceUnknown", "NameHasNoOwner")
)

_T = TypeVar("_T")
_fresh = itertools.count()


@dataclass(frozen=True)
class BatchCall:
    """One entry of BatchSubmit or WorkorderStart, with plain Python values."""

    unit: str
    args: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def wire(self) -> list[Any]:
        return [
            self.unit,
            *({key: _variant(value) for key, value in each.items()} for each in (self.args, self.params)),
        ]

    def __str__(self) -> str:
        return f"{self.unit[:20]}-{self.args or ''}-{self.params or ''}"[:60]


class CallFailed(Exception):
    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


@dataclass(frozen=True)
class Ended:
    """BatchComplete or BatchFailed."""

    member: str
    id: str
    params: dict[str, Any]
    slots: list[int]


@dataclass(frozen=True)
class PastEvent:
    """A row of ListEvents."""

    sequence: int
    time: int
    id: str
    event: str
    details: dict[str, Any]


class Machine:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._signals: list[Ended] = []
        self._last_event = 0
        self._written: list[Path] = []
        self._bus = self._run(self._connect())

    # The daemon.

    def restart(self, memory: str = MEMORY) -> None:
        """A service that stops and starts again, with this budget."""
        self._dropin("memory", f"MemoryMax={memory}")
        self.systemctl("restart", SERVICE)

    def allow_writing(self, directory: str) -> None:
        self._dropin("paths", f"ReadWritePaths={directory}")
        self.systemctl("restart", SERVICE)

    def settings(self, name: str, text: str) -> None:
        """[Service] of the daemon's unit, from its next start on; an empty text takes them back."""
        self._dropin(name, text)

    def kill_daemon(self) -> None:
        self.systemctl("kill", "--signal=KILL", SERVICE)

    def wait_ready(self) -> None:
        """After a kill: until systemd has started it again and it answers."""
        self.wait(lambda: self.show(SERVICE, "ActiveState") == "active" and self._answers(), "the daemon is back")

    def systemctl(self, *words: str) -> str:
        done = subprocess.run(["systemctl", *_WHICH, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"systemctl {' '.join(words)}: {done.stderr}\n{self.journal()}"
        return done.stdout

    def journal(self) -> str:
        words = ["journalctl", *_WHICH, "--no-pager", "-n", "60", "-o", "short-precise"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    # Calls.

    def call(self, member: str, signature: str, *body: Any) -> Any:
        """The first value of the reply, plain; CallFailed with the D-Bus error's name."""
        return self._run(self._call(MANAGER, member, signature, body))

    def try_call(self, member: str, signature: str, *body: Any) -> Any:
        """The same, but None when the service or the bus went away under it."""
        try:
            return self.call(member, signature, *body)
        except (CallFailed, Unreachable) as error:
            if isinstance(error, CallFailed) and error.name not in WENT_AWAY:
                raise
            return None

    def call_succeeds(self, member: str, signature: str, *body: Any) -> bool:
        """False for any error and for no answer."""
        try:
            self.call(member, signature, *body)
        except (CallFailed, Unreachable):
            return False
        return True

    def batch_submit(self, *calls: BatchCall) -> list[tuple[list[str], list[str]]]:
        answers = self.call("BatchSubmit", "a(sa{sv}a{sv})", [call.wire() for call in calls])
        return [(started, rejected) for started, rejected in answers]

    def workorder_start(self, *calls: BatchCall) -> list[str]:
        return list(self.call("WorkorderStart", "a(sa{sv}a{sv})", [call.wire() for call in calls]))

    def property(self, name: str) -> Any:
        return self._run(self._call("org.freedesktop.DBus.Properties", "Get", "ss", (MANAGER, name)))

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.call("GetTask", "s", task_id))

    def running(self, root: str | None = None, limit: int = 0) -> list[dict[str, Any]]:
        """What waits, too. A `limit` of 0 is the service's own."""
        wanted = {"limit": Variant("u", limit)} | ({"root": Variant("s", root)} if root else {})
        return list(self.call("ListTasks", "a{sv}", wanted))

    def events(self, after: int = 0) -> list[PastEvent]:
        """All of history behind a sequence number."""
        found: list[PastEvent] = []
        while page := self.call("ListEvents", "tu", found[-1].sequence if found else after, 10_000):
            found += [PastEvent(*row) for row in page]
        return found

    def last_event(self) -> int:
        """The highest sequence number that was given out."""
        self._last_event = max((event.sequence for event in self.events(self._last_event)), default=self._last_event)
        return self._last_event

    def reconnect(self) -> None:
        """With a new connection, should the bus have thrown the old one out, or have gone itself."""
        self._run(self._bus.close())
        self.wait(self._connects, "the bus is there")

    def _connects(self) -> bool:
        try:
            self._bus = self._run(self._connect())
        except Unreachable:
            return False
        return True

    # Ends.

    def ended(self, task_id: str) -> Ended:
        """Its signal; exactly one."""
        self.wait(lambda: self.ended_signals(task_id) > 0, f"a signal about {task_id}")
        (signal,) = [each for each in self._signals if each.id == task_id]
        return signal

    def ended_signals(self, task_id: str) -> int:
        return sum(each.id == task_id for each in self._signals)

    def wait_for_signal(self) -> None:
        """Until one more task than now has ended."""
        before = len(self._signals)
        self.wait(lambda: len(self._signals) > before or not self.running(), "a task ends")

    def closed(self, task_id: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The task after its end, when its directory has been collected."""
        self.wait(lambda: "result" in self.task(task_id), f"{task_id} ends", timeout)
        task = self.task(task_id)
        self.wait(lambda: self._top(task) <= {"results"}, f"the directory of {task_id} is collected", timeout)
        return task

    def run(
        self,
        unit: str,
        params: dict[str, Any] | None = None,
        args: dict[str, Any] | None = None,
        timeout: float = PATIENCE,
    ) -> dict[str, Any]:
        """One batch task from start to end."""
        ((started, rejected),) = self.batch_submit(BatchCall(unit, args or {}, params or {}))
        assert started, f"{rejected} was rejected\n{self.journal()}"
        return self.closed(started[0], timeout)

    # Files.

    def write_unit(self, name: str, text: str) -> None:
        self.write_file(str(UNITS / name), text)

    def write_file(self, path: str, text: str) -> None:
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        self._written.append(place)

    def directory(self, name: str) -> str:
        """An empty directory of the daemon's user, outside the state directory, until the test's end."""
        place = OUTSIDE / name
        place.mkdir(parents=True)
        self._written.append(place)
        return str(place)

    def output(self, task: dict[str, Any]) -> str:
        return self.read(f"{task['directory']}/results/output.txt")

    def read(self, path: str) -> str:
        return Path(path).read_text("utf-8", "replace")

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def files(self, task: dict[str, Any]) -> list[str]:
        """Everything in its work directory, links not followed."""
        return list(_below(Path(task["directory"])))

    def traces(self) -> tuple[object, ...]:
        """What a refused call must not change: directories, units, tasks."""
        directories = sorted(path for path in _below(STATE) if not path.startswith("state.sqlite"))
        return directories, self.loaded_units(), sorted(task["id"] for task in self.running())

    def fresh(self, prefix: str) -> str:
        return f"{prefix}{os.getpid()}.{next(_fresh)}"

    # systemd and the kernel.

    def show(self, unit: str, prop: str) -> str:
        return self.systemctl("show", "--value", f"--property={prop}", unit).strip()

    def unit_state(self, unit: str) -> str:
        return self.show(unit, "LoadState")

    def alive(self, pid: int) -> bool:
        return Path(f"/proc/{pid}").exists()

    def cgroup_memory_limit(self, cgroup: str) -> int:
        """Bytes, as the kernel has it."""
        return memory_limit(self._manager_cgroup() + cgroup)

    def watch_limits(self) -> LimitWatch:
        return LimitWatch(self._manager_cgroup() + "taskpacker.slice/taskpacker-batch.slice")

    def as_user(self, user: str, *words: str) -> subprocess.CompletedProcess[str]:
        """taskpackerctl as another user."""
        command = ["runuser", "-u", user, "--", "taskpackerctl", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    # Waiting, and the end of a test.

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout:g} s: {what}\n{self.journal()}")
            time.sleep(0.02)

    def clean(self) -> None:
        """No task runs, no unit of the test is left, and the budget is as at the beginning."""
        for path in reversed(self._written):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self._written.clear()
        changed = [self._dropin("paths", ""), self._dropin("memory", f"MemoryMax={MEMORY}")]
        if any(changed) or not self._answers():
            self.systemctl("restart", SERVICE)
        self.wait(self._ends_everything, "no task is left")
        self._signals.clear()

    def _ends_everything(self) -> bool:
        """Whether nothing is left. What starts or ends meanwhile is for the next look."""
        for task in self.running():
            if task["state"] == "waiting":
                self.call_succeeds("Cancel", "s", task["id"])
            else:
                self.call_succeeds("Kill", "ss", task["id"], "KILL")
        return not self.running() and not self.loaded_units()

    def close(self) -> None:
        self._run(self._bus.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _dropin(self, name: str, setting: str) -> bool:
        """Whether that was a change."""
        place, text = DROPINS / f"50-test-{name}.conf", f"[Service]\n{setting}\n"
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.read_text() == text:
            return False
        place.write_text(text)
        self.systemctl("daemon-reload")
        return True

    def _manager_cgroup(self) -> str:
        """Where the units of our service manager lie, relative to the mounted tree."""
        own = self.systemctl("show", "--value", "--property=ControlGroup").strip().strip("/")
        return f"{own}/" if own else ""

    def loaded_units(self) -> list[str]:
        listed = self.systemctl("list-units", "--all", "--plain", "--no-legend", "taskpacker-*.service")
        return [line.split()[0] for line in listed.splitlines()]

    def _top(self, task: dict[str, Any]) -> set[str]:
        directory = task["directory"]
        return set(os.listdir(directory)) if os.path.isdir(directory) else set()

    def _answers(self) -> bool:
        try:
            self.property("Version")
        except (CallFailed, Unreachable):
            return False
        return True

    def _run(self, work: Awaitable[_T]) -> _T:
        async def awaited() -> _T:
            return await work

        future: Future[_T] = asyncio.run_coroutine_threadsafe(awaited(), self._loop)
        return future.result()

    async def _connect(self) -> Connection:
        bus = await connect(user=USER)
        bus.add_message_handler(self._on_message)
        # By the service's name, as most clients do: what is sent before the name is owned is heard by nobody.
        await bus.ask_bus("AddMatch", "s", f"type='signal',sender='{NAME}',interface='{MANAGER}'")
        return bus

    async def _call(self, interface: str, member: str, signature: str, body: Sequence[Any]) -> Any:
        try:
            values = await self._bus.ask(NAME, PATH, interface, member, signature, body, patience=120)
        except DBusError as error:
            raise CallFailed(error.type, error.text) from None
        return _plain(values[0]) if values else None

    def _on_message(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.member in ("BatchComplete", "BatchFailed"):
            task_id, params, slots = (_plain(value) for value in message.body)
            self._signals.append(Ended(str(message.member), task_id, params, slots))


def _below(top: Path) -> Iterator[str]:
    for directory, names, files in os.walk(top):
        for name in [*names, *files]:
            yield str((Path(directory) / name).relative_to(top))


def _plain(value: Any) -> Any:
    if isinstance(value, Variant):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _variant(value: Any) -> Variant:
    if isinstance(value, list):
        return Variant("as", value)
    return Variant({bool: "b", int: "x", float: "d"}.get(type(value), "s"), value)
