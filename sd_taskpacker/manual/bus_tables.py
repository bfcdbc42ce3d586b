# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a page says of the interfaces, read off their introspection and the words beside them in the source."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, cast

from dbus_next import introspection as intr

from sd_taskpacker.bus.callers import Callers
from sd_taskpacker.bus.service import ManagerInterface
from sd_taskpacker.bus.task_objects import PROPERTIES
from sd_taskpacker.bus.wire import TASK_SIGNATURES
from sd_taskpacker.bus.wire_queue import CHANGE_KEYS
from sd_taskpacker.engine.manager import Manager
from sd_taskpacker.errors import TaskpackerError
from sd_taskpacker.manual.blocks import Block, Item, Paragraph
from sd_taskpacker.manual.words import FILTERS, REQUEST_ARGS, TASK_KEYS


def manager() -> intr.Interface:
    """As busctl would show it. Nobody stands behind it: it is only looked at."""
    return ManagerInterface(cast(Manager, None), cast(Callers, None)).introspect()


def methods(_: str) -> list[Block]:
    return [
        Item((f"{each.name}({_arguments(each.in_args)}) -> ({_arguments(each.out_args)})",), _said(each.name))
        for each in manager().methods
    ]


def signals(_: str) -> list[Block]:
    return [Item((f"{each.name}({_arguments(each.args)})",), _said(each.name)) for each in manager().signals]


def properties(_: str) -> list[Block]:
    return [Item((f"{each.name} {each.signature}",), _said(each.name)) for each in manager().properties]


def task_properties(_: str) -> list[Block]:
    return [Item((f"{name} {TASK_SIGNATURES[key]}",), TASK_KEYS[key]) for name, key in PROPERTIES.items()]


def task_keys(_: str) -> list[Block]:
    return [Item((f"{key} {TASK_SIGNATURES[key]}",), text) for key, text in TASK_KEYS.items()]


def change_keys(_: str) -> list[Block]:
    return [Paragraph(", ".join(f"``{key}``" for key in CHANGE_KEYS))]


def request_args(_: str) -> list[Block]:
    return [Item((f"{key} {signature}",), text) for key, (signature, text) in REQUEST_ARGS.items()]


def filters(_: str) -> list[Block]:
    return [Item((f"{key} {signature}",), text) for key, (signature, text) in FILTERS.items()]


def errors(_: str) -> list[Block]:
    return [Item((cls.bus_name(),), inspect.getdoc(cls) or "") for cls in TaskpackerError.__subclasses__()]


def _arguments(arguments: list[intr.Arg]) -> str:
    return ", ".join(f"{each.signature} {each.name}" for each in arguments)


def _said(member: str) -> str:
    return inspect.getdoc(getattr(ManagerInterface, member)) or ""


TABLES: Final[Mapping[str, Any]] = {
    "methods": methods,
    "signals": signals,
    "properties": properties,
    "task-properties": task_properties,
    "task-keys": task_keys,
    "change-keys": change_keys,
    "request-args": request_args,
    "filters": filters,
    "errors": errors,
}
