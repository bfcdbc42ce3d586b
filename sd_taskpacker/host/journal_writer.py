# SPDX-License-Identifier: LGPL-2.1-or-later
"""Entries for the journal, with their fields; on a terminal only what people read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from systemd import journal

from sd_taskpacker.model.notices import Entry, Level, entry_fields

IDENTIFIER: Final = "sd-taskpacker"

log = logging.getLogger(__name__)

_LEVELS: Final = {Level.WARNING: logging.WARNING, Level.NOTICE: logging.INFO, Level.INFO: logging.INFO}


class JournalWriter:
    """Implements engine.ports.Journal. `connected`: the journal is where we log to. What the log level leaves out is
    left out here, too.

    Past logging's handler for speed: thousands may end at once, and it spends as long on a line as all else does.
    """

    def __init__(self, *, user: bool, connected: bool, send: Callable[..., object] = journal.sendv) -> None:
        self._unit_field = "OBJECT_SYSTEMD_USER_UNIT" if user else "OBJECT_SYSTEMD_UNIT"
        self._connected = connected
        self._send = send

    def write(self, entry: Entry) -> None:
        level = _LEVELS[entry.notice.level]
        if not log.isEnabledFor(level):
            return
        if not self._connected:
            log.log(level, "%s", entry.text)
            return
        with suppress(OSError):  # journald does not take it, so there is nobody left to tell.
            self._send(*self._fields(entry))

    def _fields(self, entry: Entry) -> Iterator[str]:
        yield f"MESSAGE={entry.text}"
        yield f"MESSAGE_ID={entry.notice.id}"
        yield f"PRIORITY={entry.notice.level}"
        yield f"SYSLOG_IDENTIFIER={IDENTIFIER}"
        for name, value in entry_fields(entry).items():
            yield f"{name}={value}"
        if entry.task is not None:
            yield f"{self._unit_field}={entry.task.id.unit_name}"
