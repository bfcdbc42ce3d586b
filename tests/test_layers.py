# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder is a layer: where a file lies says what it may touch. The tables are the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parent.parent / "sd_taskpacker"

MAY_IMPORT: Final = {
    "errors": (),
    "model": ("errors", "model"),
    "plan": ("errors", "model", "plan"),
    "drawing": ("model", "drawing"),
    "engine": ("errors", "model", "plan", "drawing", "engine"),
    "host": ("errors", "model", "engine.events", "engine.ports", "host"),
    "bus": ("errors", "model", "plan.snapshot", "engine.manager", "engine.ports", "bus"),
    "cli": ("errors", "model", "bus.client", "bus.link", "bus.news", "bus.replies", "drawing", "cli"),
    "manual": (
        "errors",
        "model",
        "engine.manager",
        "bus.callers",
        "bus.service",
        "bus.task_objects",
        "bus.wire",
        "bus.wire_queue",
        "cli.arguments",
        "cli.statuses",
        "manual",
    ),
    "__init__": (),
    "__main__": ("cli",),
    "daemon": ("errors", "model", "plan", "engine", "host", "bus"),
}
"""Layer -> what it may import of this package. `__version__` is everyone's."""

PURE: Final = ("errors", "model", "plan", "drawing", "engine")
"""No I/O and no clock; time is an argument named `now`."""
IMPURE: Final = frozenset(
    "asyncio concurrent fcntl glob io logging multiprocessing os pathlib random select selectors shutil socket"
    " sqlite3 subprocess sys tempfile threading time urllib uuid".split()
)
ON_THE_LOOP: Final = {
    "engine.loop": ("asyncio", "concurrent", "logging"),
    "engine.threads": ("asyncio", "concurrent"),
    "engine.herald": ("asyncio",),
    "engine.life": ("asyncio", "concurrent", "logging"),
    "engine.trouble": ("logging",),
    "engine.stuck": ("asyncio",),
    "engine.launching": ("asyncio", "concurrent", "logging"),
    "engine.past": ("concurrent",),
    "engine.retention": ("asyncio", "logging"),
    "engine.memory": ("asyncio", "concurrent", "logging"),
    "engine.leavings": ("asyncio", "concurrent", "logging"),
    "engine.wholeplan": ("asyncio", "concurrent"),
    "engine.budgeting": ("asyncio", "logging"),
    "engine.forecasts": ("asyncio",),
    "engine.roots": ("asyncio", "logging"),
    "engine.desk": ("asyncio", "concurrent", "logging"),
    "engine.orders": ("asyncio", "logging"),
}
"""Modules of the engine that run on the event loop, and what that lets them import."""
IMPURE_CALLS: Final = frozenset(("open", "input", "print", "now", "today", "utcnow"))

ONLY_IN: Final = {
    "dbus_next": ("bus", "manual"),
    "pydantic": ("model", "host", "manual"),
    "psutil": ("host",),
    "sqlite3": ("host",),
    "systemd": ("host", "daemon"),
}
"""A library that one layer hides from all the others."""


def violations(module: str, source: str) -> list[str]:
    """What `source`, as the module `module` of the package, imports or calls against the tables."""
    layer = module.partition(".")[0]
    tree = ast.parse(source)
    found = [bad for name in imports(tree) for bad in _import(module, layer, name)]
    if layer in PURE:
        found += [f"calls {name}()" for name in calls(tree) if name in IMPURE_CALLS]
    return found


def _import(module: str, layer: str, name: str) -> Iterator[str]:
    top, _, inside = name.partition(".")
    if top == "sd_taskpacker":
        if inside != "__version__" and not any(is_within(inside, allowed) for allowed in MAY_IMPORT[layer]):
            yield f"imports {name}"
    elif layer in PURE and top in IMPURE and top not in ON_THE_LOOP.get(module, ()):
        yield f"imports {name}"
    elif layer not in ONLY_IN.get(top, (layer,)):
        yield f"imports {name}"


def is_within(name: str, layer: str) -> bool:
    return name == layer or name.startswith(layer + ".")


def imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names, whether at the top, inside a function, or only for the type checker."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import gets a name that no table allows.
            base = f"sd_taskpacker.{'.' * node.level}" if node.level else node.module
            yield from (f"{base}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                yield name
            case _:
                pass


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_of)
def test_a_module_touches_only_what_its_layer_may(path: Path) -> None:
    assert violations(module_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("model.names", "import os"),
        ("model.names", "from sd_taskpacker.plan import planner"),
        ("model.names", "from ..plan import planner"),
        ("model.names", "def f():\n    import time"),
        ("plan.planner", "from sd_taskpacker.engine.state import State"),
        ("plan.planner", "datetime.now()"),
        ("drawing.as_svg", "from sd_taskpacker.plan.snapshot import Plan"),
        ("engine.state", "import asyncio"),
        ("engine.loop", "import sqlite3"),
        ("engine.loop", "from sd_taskpacker import host"),
        ("host.store", "from sd_taskpacker.engine.state import State"),
        ("host.store", "from sd_taskpacker.bus import wire"),
        ("bus.wire", "from sd_taskpacker.host.store import Store"),
        ("cli.show", "from sd_taskpacker.bus.wire import encode"),
        ("cli.show", "import dbus_next.aio"),
        ("daemon", "from dbus_next import Message"),
    ],
)
def test_a_violation_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine.loop", "import asyncio, logging"),
        ("host.store", "import sqlite3\nfrom sd_taskpacker.engine import events, ports"),
        ("bus.wire", "from dbus_next import Variant"),
        ("cli.show", "from sd_taskpacker.bus.client import Client\nfrom sd_taskpacker import __version__"),
        ("plan.planner", "def f(snapshot): return snapshot.now"),
    ],
)
def test_what_is_allowed_is_not_complained_of(module: str, source: str) -> None:
    assert violations(module, source) == []
