# SPDX-License-Identifier: LGPL-2.1-or-later
"""What keeps the service from working as it should, for as long as it does: a full disk, a read-only one, or a
configuration that cannot be read.

Without room new work is refused meanwhile, for to take it and lose it would be worse; what was accepted waits, and is
tried again until it goes. Whoever meets a trouble tells it, and takes it back when the same thing has worked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from sd_taskpacker.engine.ports import NoRoom
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task

log = logging.getLogger(__name__)

CONFIG: Final = "config"
STORE: Final = "store"
WORKDIRS: Final = "workdirs"


class Trouble:
    """`changed` is called whenever `text` is another; the daemon sets it, to show the new text."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._texts: dict[str, str] = {}
        self._met: dict[TaskId, str] = {}

    @property
    def text(self) -> str:
        """What is wrong, where, and what to do; empty when all is well. What hinders work comes first."""
        return next((text for source, text in self._texts.items() if source != CONFIG), self.of(CONFIG))

    def of(self, source: str) -> str:
        """The same, as far as `source` has met it."""
        return self._texts.get(source, "")

    def meet(self, task: Task, error: NoRoom) -> None:
        """The task cannot go on for it. Elsewhere than where the service keeps everything it is that task's alone."""
        source = WORKDIRS if error.ours else str(task.id)
        self._met[task.id] = source
        if self.tell(source, str(error)):
            log.error("%s: %s; tried again until it works", task.id, error)

    def overcome(self, task: Task) -> None:
        """It has gone on."""
        source = self._met.pop(task.id, None)
        if source is not None and source not in self._met.values():
            self.tell(source, "")
            log.info("%s: has gone on", task.id)

    def tell(self, source: str, text: str) -> bool:
        """Whether that is news. An empty text takes back what `source` told."""
        if self.of(source) == text:
            return False
        before = self.text
        if text:
            self._texts[source] = text
        else:
            del self._texts[source]
        if self.text != before:
            self.changed()
        return True
