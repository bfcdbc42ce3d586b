# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task as the store's text and back, equal to what it was.

The standard library's json writes integers of any size and the floats inf and nan, which JSON itself has not;
pydantic builds the dataclasses again. A field that a later version drops is ignored, one that it adds needs a
default: what was stored must load for ever (tests/data/stores/).
"""

from __future__ import annotations

import json
from typing import Final

from pydantic import TypeAdapter

from sd_taskpacker.model.task import Task

_TASK: Final = TypeAdapter(Task)


def to_text(task: Task) -> str:
    return json.dumps(_TASK.dump_python(task), separators=(",", ":"))


def from_text(text: str) -> Task:
    """Raises ValueError when the text is no task."""
    return _TASK.validate_python(json.loads(text))
