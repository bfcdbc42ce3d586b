# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client's values <-> the Variants of dbus-next; `wire`, which the service uses, would load the whole model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbus_next.signature import Variant

from sd_taskpacker.model.values import Value


def plain(value: Any) -> Any:
    """`value` without the variants in it, at any depth."""
    match value:
        case Variant():
            return plain(value.value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value


def variants(values: Mapping[str, Value]) -> dict[str, Variant]:
    return {key: Variant(value.signature, value.data) for key, value in values.items()}
