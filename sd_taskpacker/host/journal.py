# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why systemd could not execute a program, from the journal: an exit status of 203 alone may be the program's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import sleep
from typing import Any, Final

from systemd import journal

SPAWN_FAILED: Final = "641257651c1b4ec9a8624d7a40a9e1e7"
"""SD_MESSAGE_SPAWN_FAILED (sd-messages.h). systemd also logs it for a missing command that may be missing."""

_PATIENCE: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.33)
"""Seconds before each look, one second in all: journald may lag behind systemd's signal."""


class JournalWitness:
    """Implements `ports.Witness`. Anybody may log any field, so the answer is for people and decides nothing else."""

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

    def _look(self, unit: str) -> str | None:
        try:
            with self._reader() as reader:
                _select(reader, unit)
                texts = (str(record.get("MESSAGE", "")).removeprefix(f"{unit}: ") for record in reader)
                return next((text for text in texts if text.startswith("Failed at step ")), None)
        except FileNotFoundError:  # No journal on this machine.
            return None


def _select(reader: Any, unit: str) -> None:
    """This boot's records about the unit, logged by the system's manager or by a user's."""
    for field in ("UNIT", "USER_UNIT"):
        reader.this_boot()
        reader.add_match(MESSAGE_ID=SPAWN_FAILED)
        reader.add_match(**{field: unit})
        reader.add_disjunction()
