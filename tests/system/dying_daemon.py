# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon with a fuse: the edges are wrapped, and the named steps kill it with SIGKILL, each once, in turn.

The daemon knows nothing of this: the file is copied onto the machine and runs in place of /usr/bin/sd-taskpacker.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from dbus_next import Message

from sd_taskpacker import daemon
from sd_taskpacker.bus.connection import Connection
from sd_taskpacker.bus.systemd import Systemd
from sd_taskpacker.engine.events import Event, TaskEnded, TaskQueued
from sd_taskpacker.host.receipts import ReceiptBox
from sd_taskpacker.host.store import SqliteStore
from sd_taskpacker.host.workdir import WorkDirectories

FUSE: Final = Path("/run/sd-taskpacker/fuse")
"""While it is armed: lines of `POINT before` or `POINT after`. The first is waited for and goes when it burns."""
BURNT: Final = Path("/run/sd-taskpacker/burnt")
"""What each line that burnt adds: the tasks whose end was committed and that were not closed, one id a line."""
STATE: Final = Path("/var/lib/sd-taskpacker/state.sqlite")

STEPS: Final[dict[type, tuple[str, ...]]] = {
    WorkDirectories: ("prepare", "unused", "seal", "collect", "remove"),
    ReceiptBox: ("read", "discard"),
}
AWAITED_STEPS: Final[dict[type, tuple[str, ...]]] = {Systemd: ("start", "adopt", "release")}
_LOCK: Final = threading.Lock()

TOLD: Final = ("BatchComplete", "BatchFailed", "TaskChanged")
"""Signals whose sending is a point, and so is that of the reply to BatchQueue."""


def burn(point: str) -> None:
    """Two threads may come by at once; one of them is the first to have the line."""
    with _LOCK:
        _burn(point)


def _burn(point: str) -> None:
    try:
        wanted, *rest = FUSE.read_text().splitlines()
    except FileNotFoundError:
        return
    if wanted != point:
        return
    with BURNT.open("a") as burnt:
        burnt.writelines(f"{task_id}\n" for task_id in _ended_and_not_closed())
    if rest:
        shorter = FUSE.with_suffix(".new")
        shorter.write_text("\n".join(rest))
        shorter.rename(FUSE)
    else:
        FUSE.unlink()
    os.kill(os.getpid(), signal.SIGKILL)


def _ended_and_not_closed() -> list[str]:
    with closing(sqlite3.connect(f"file:{STATE}?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT id FROM tasks WHERE ended IS NOT NULL AND closed = 0").fetchall()
    return [task_id for (task_id,) in rows]


def _replace(edge: type, name: str, step: Callable[..., Any]) -> None:
    setattr(edge, name, functools.wraps(getattr(edge, name))(step))


def wrap_step(edge: type, name: str) -> None:
    original = getattr(edge, name)

    def step(*args: Any) -> Any:
        burn(f"{name} before")
        answer = original(*args)
        burn(f"{name} after")
        return answer

    _replace(edge, name, step)


def wrap_awaited_step(edge: type, name: str) -> None:
    original = getattr(edge, name)

    async def step(*args: Any) -> Any:
        burn(f"{name} before")
        answer = await original(*args)
        burn(f"{name} after")
        return answer

    _replace(edge, name, step)


def wrap_commit() -> None:
    original = SqliteStore.commit

    def commit(self: SqliteStore, events: Sequence[Event]) -> list[int]:
        points = sorted(set(_points(events)))
        for point in points:
            burn(f"{point} before")
        numbers = original(self, events)
        for point in points:
            burn(f"{point} after")
        return numbers

    _replace(SqliteStore, "commit", commit)


def _points(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        match event:
            case TaskQueued(task) if task.retry_of:
                yield "commit retry"
            case TaskEnded(task) if not task.has_run:
                yield "commit cancel"
            case _:
                yield f"commit {type(event).__name__}"


def wrap_connection() -> None:
    """A message has been sent when the socket has taken it: the bus reads it even when its sender is dead."""
    take, send, emit = Connection._on_message, Connection.send, Connection.emit
    leaving: set[asyncio.Task[None]] = set()
    asked: set[tuple[str | None, int]] = set()

    def on_message(self: Connection, msg: Message) -> None:
        if msg.member == "BatchQueue":
            asked.add((msg.sender, msg.serial))
        take(self, msg)

    def sent(self: Connection, msg: Message) -> Any:
        if (msg.destination, msg.reply_serial) not in asked:
            return send(self, msg)
        burn("send reply before")
        future = send(self, msg)
        future.add_done_callback(_burning("send reply after"))
        return future

    def emitted(
        self: Connection, path: str, interface: str, member: str, signature: str, body: Sequence[Any]
    ) -> None:
        if member not in TOLD:
            return emit(self, path, interface, member, signature, body)
        burn(f"send {member} before")
        emit(self, path, interface, member, signature, body)
        left = asyncio.get_running_loop().create_task(self.flushed())
        leaving.add(left)
        left.add_done_callback(leaving.discard)
        left.add_done_callback(_burning(f"send {member} after"))

    _replace(Connection, "_on_message", on_message)
    _replace(Connection, "send", sent)
    _replace(Connection, "emit", emitted)


def _burning(point: str) -> Callable[[object], None]:
    return lambda _: burn(point)


def main() -> None:
    for edge, names in STEPS.items():
        for name in names:
            wrap_step(edge, name)
    for edge, names in AWAITED_STEPS.items():
        for name in names:
            wrap_awaited_step(edge, name)
    wrap_commit()
    wrap_connection()
    daemon.main()


if __name__ == "__main__":
    main()
