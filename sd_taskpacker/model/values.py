# SPDX-License-Identifier: LGPL-2.1-or-later
"""A value as it travelled: its D-Bus signature beside it, so that it can be given back as it was submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

INT_SIGNATURES: Final = frozenset("ynqiuxt")
"""D-Bus types that are whole numbers."""


@dataclass(frozen=True, slots=True)
class Value:
    """`signature` is one complete D-Bus type; `data` the plain Python value (nested variants unwrapped)."""

    signature: str
    data: Any
