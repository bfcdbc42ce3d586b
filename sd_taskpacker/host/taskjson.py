# SPDX-License-Identifier: LGPL-2.1-or-later
"""A task as the store's text and back, equal to what it was.

The standard library's json writes integers of any size and the floats inf and nan, which JSON itself has not;
pydantic builds the dataclasses again. A field that a later version drops is ignored, one that it adds needs a
default: what was stored must load for ever (tests/data/stores/). Bytes (AllowedCPUs= is `ay`) are written as hex
digits under a key that no field and no parameter can have.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import TypeAdapter

from sd_taskpacker.model.task import Task

_HEX: Final = "bytes:hex"
_TASK: Final = TypeAdapter(Task)


def to_text(task: Task) -> str:
    fields = _TASK.dump_python(task)
    if not task.secrets:
        del fields["secrets"]  # Hardly any task has one.
    return json.dumps(fields, separators=(",", ":"), default=_pack)


def from_text(text: str) -> Task:
    """Raises ValueError when the text is no task."""
    return _TASK.validate_python(json.loads(text, object_hook=_unpack))


def _pack(data: object) -> dict[str, str]:
    if isinstance(data, bytes):
        return {_HEX: data.hex()}
    raise TypeError(f"a task cannot hold {type(data).__name__}")


def _unpack(read: dict[str, Any]) -> Any:
    return bytes.fromhex(read[_HEX]) if read.keys() == {_HEX} else read
