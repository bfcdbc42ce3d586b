# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only the journal knows: why systemd could not execute a program (an exit status of 203 alone may be the
program's own), and whether it ever dealt with a unit that has left no other trace."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from time import sleep
from typing import Any, Final

from systemd import journal

SPAWN_FAILED: Final = "641257651c1b4ec9a8624d7a40a9e1e7"
"""SD_MESSAGE_SPAWN_FAILED (sd-messages.h). systemd also logs it for a missing command that may be missing."""

UNIT_STARTING: Final = "7d4958e842da4a758f6c1cdc7b36dcc5"
"""SD_MESSAGE_UNIT_STARTING (sd-messages.h), which systemd logs for every unit that takes a moment, ours included."""

_PATIENCE: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.33)
"""Seconds before each look, one second in all: journald may lag behind systemd's signal."""


class JournalWitness:
    """Implements `ports.Witness`. Anybody may log any field but those that begin with an underscore, so the text of
    a failure is for people and decides nothing else."""

    def __init__(self, reader: Callable[[], Any] = journal.Reader, patience: Sequence[float] = _PATIENCE) -> None:
        self._reader = reader
        self._patience = patience

    def spawn_error(self, unit: str) -> str | None:
        """`Failed at step EXEC spawning /nonexistent: No such file or directory`. Blocks for up to a second."""
        for seconds in self._patience:
            sleep(seconds)
            message = self._look(unit)
            if message is not None:
                return message
        return None

    def began(self, unit: str) -> bool | None:
        """Looks once: a daemon asks this at its start, after systemd has answered that the unit is gone.

        Silence means something only where systemd is heard at all: with LogLevel=warning it logs no start, and a
        journal may have been removed under us.
        """
        own = str(os.getuid())
        try:
            # A unit of the system's is logged by PID 1, one of a user's by a manager that runs as that user.
            if self._has({"_PID": "1", "UNIT": unit}, {"_UID": own, "USER_UNIT": unit}):
                return True
            return False if self._has({"_UID": own, "_COMM": "systemd", "MESSAGE_ID": UNIT_STARTING}) else None
        except OSError:  # No journal on this machine, or none that can be read.
            return None

    def _has(self, *alternatives: dict[str, str]) -> bool:
        with self._reader() as reader:
            _select(reader, *alternatives)
            return any(True for _ in reader)

    def _look(self, unit: str) -> str | None:
        try:
            with self._reader() as reader:
                # Logged by the system's manager or by a user's.
                _select(reader, *({"MESSAGE_ID": SPAWN_FAILED, field: unit} for field in ("UNIT", "USER_UNIT")))
                texts = (str(record.get("MESSAGE", "")).removeprefix(f"{unit}: ") for record in reader)
                return next((text for text in texts if text.startswith("Failed at step ")), None)
        except OSError:  # No journal on this machine, or none that can be read.
            return None


def _select(reader: Any, *alternatives: dict[str, str]) -> None:
    """This boot's records that have all the fields of one alternative."""
    for fields in alternatives:
        reader.this_boot()
        reader.add_match(**fields)
        reader.add_disjunction()
