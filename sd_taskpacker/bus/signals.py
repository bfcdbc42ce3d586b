# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service tells everybody unasked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from dbus_next.service import ServiceInterface

from sd_taskpacker.bus import wire
from sd_taskpacker.bus.encoding import a_variant
from sd_taskpacker.bus.latest import Later, Latest, call_later
from sd_taskpacker.bus.names import PROPERTIES
from sd_taskpacker.bus.task_objects import properties_changed
from sd_taskpacker.bus.wire_queue import change_to_wire
from sd_taskpacker.engine.manager import Figures
from sd_taskpacker.model.names import OBJECT_ROOT
from sd_taskpacker.model.task import Task, TaskState

FIGURES_SECONDS: Final = 0.05
STATUS_SECONDS: Final = 0.5
"""systemd tells everybody who listens to it of each line."""

Emit = Callable[[str, str, str, str, Sequence[Any]], None]
"""Path, interface, member, signature and body of a signal."""


class BusSignals:
    """engine.manager.Signals. `interface` is what is exported: it knows the signatures. `sent` returns when what was
    emitted has left. `status` gets a line for `systemctl status`. Of the figures, and of that line, not each one is
    told that lasted for less than a moment."""

    def __init__(
        self,
        interface: ServiceInterface,
        emit: Emit,
        status: Callable[[str], None],
        *,
        sent: Callable[[], Awaitable[None]],
        later: Later = call_later,
    ) -> None:
        description = interface.introspect()
        self._name = description.name
        self._signals = {signal.name: signal.signature for signal in description.signals}
        self._properties = {each.name: each.signature for each in description.properties}
        self._emit = emit
        self._sent = sent
        self._last: dict[str, Any] = {}
        self._line = ""
        self._figures = Latest(self._tell_figures, FIGURES_SECONDS, later)
        self._status = Latest(status, STATUS_SECONDS, later)

    def batch_ended(self, task: Task, slots: tuple[int, int, int, int]) -> None:
        complete = task.state is TaskState.COMPLETE
        body = (str(task.id), wire.variants_of(task.params), slots)
        self._tell("BatchComplete" if complete else "BatchFailed", body)

    async def sent(self) -> None:
        await self._sent()

    def task_changed(self, sequence: int, task: Task) -> None:
        self._tell("TaskChanged", change_to_wire(sequence, task))
        if not _is_new(task):
            self._emit(task.id.object_path, PROPERTIES, "PropertiesChanged", "sa{sv}as", properties_changed(task))

    def figures_changed(self, figures: Figures) -> None:
        self._figures.give(figures)

    def _tell_figures(self, figures: Figures) -> None:
        now = wire.figures_to_wire(figures)
        new = {name: value for name, value in now.items() if self._last.get(name) != value}
        changed = {name: a_variant(self._properties[name], value) for name, value in new.items()}
        if changed:
            self._last = now
            self._emit(OBJECT_ROOT, PROPERTIES, "PropertiesChanged", "sa{sv}as", (self._name, changed, ()))
        line = status_line(figures)
        if line != self._line:
            self._line = line
            self._status.give(line)

    def _tell(self, member: str, body: Sequence[Any]) -> None:
        self._emit(OBJECT_ROOT, self._name, member, self._signals[member], body)


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
