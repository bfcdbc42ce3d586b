# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service tells everybody unasked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dbus_next import Message

from sd_taskpacker.bus import wire
from sd_taskpacker.bus.service import ManagerInterface
from sd_taskpacker.bus.task_objects import properties_changed
from sd_taskpacker.bus.wire_queue import change_to_wire
from sd_taskpacker.engine.ports import Figures
from sd_taskpacker.model.task import Task, TaskState


class BusSignals:
    """engine.ports.Signals. `send` takes what comes from an object that is not exported; `sent` returns when it
    has left. `status` gets a line for `systemctl status`, when the figures change."""

    def __init__(
        self,
        interface: ManagerInterface,
        send: Callable[[Message], object],
        status: Callable[[str], None],
        *,
        sent: Callable[[], Awaitable[None]],
    ) -> None:
        self._interface = interface
        self._send = send
        self._status = status
        self._sent = sent
        self._last: dict[str, Any] = {}
        self._line = ""

    def batch_ended(self, task: Task, slots: tuple[int, int, int, int]) -> None:
        complete = task.state is TaskState.COMPLETE
        emit = self._interface.BatchComplete if complete else self._interface.BatchFailed
        emit(str(task.id), wire.variants_of(task.params), list(slots))

    async def sent(self) -> None:
        await self._sent()

    def task_changed(self, sequence: int, task: Task) -> None:
        self._interface.TaskChanged(*change_to_wire(sequence, task))
        if not _is_new(task):
            self._send(properties_changed(task))

    def figures_changed(self, figures: Figures) -> None:
        now = wire.figures_to_wire(figures)
        changed = {name: value for name, value in now.items() if self._last.get(name) != value}
        if changed:
            self._last = now
            self._interface.emit_properties_changed(changed)
        line = status_line(figures)
        if line != self._line:
            self._line = line
            self._status(line)


def _is_new(task: Task) -> bool:
    """Its object comes with this state; one that runs since it was submitted has never been seen to wait."""
    return task.state is TaskState.WAITING or (
        task.state is TaskState.RUNNING and task.started_usec == task.submitted_usec
    )


def status_line(figures: Figures) -> str:
    chunks = f"{figures.chunks_free} of {figures.chunks_total} chunks"
    cpus = f"{figures.cpus_free} of {figures.cpus_total} CPUs"
    line = f"{figures.running} running, {figures.queued} waiting; {chunks} and {cpus} free"
    if figures.not_enforced:
        line = f"{line}; no limits on {' and '.join(figures.not_enforced)}"
    if figures.draining:
        line = f"{line}; drained, nothing further starts"
    return f"TROUBLE: {figures.trouble}; {line}" if figures.trouble else line
