# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs that talk to the service: one connection, one verb, one exit status."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Output

VerbFunction = Callable[[Client, Namespace, Output], Awaitable[int]]


def run(options: Namespace, out: Output) -> int:
    """Raises TaskpackerError; its class says how to exit."""
    return asyncio.run(_connected(options, out))


async def _connected(options: Namespace, out: Output) -> int:
    async with await Client.connect(user=options.user, interactive=not options.no_ask_password) as client:
        return await FUNCTIONS[options.verb](client, options, out)


def _in(module: str, name: str) -> VerbFunction:
    """The function `name` of a module of this folder. Imported when it is called: no verb pays for the others."""

    async def call(client: Client, options: Namespace, out: Output) -> int:
        function: VerbFunction = getattr(import_module(f"{__package__}.{module}"), name)
        return await function(client, options, out)

    return call


FUNCTIONS: Final[dict[str, VerbFunction]] = {
    "submit": _in("submit", "submit"),
    "start": _in("submit", "start"),
    "list": _in("show", "list_tasks"),
    "status": _in("show", "status"),
    "list-units": _in("units", "list_units"),
    "cat": _in("units", "cat"),
    "show": _in("show", "show"),
    "stats": _in("stats", "stats"),
    "why": _in("queue", "why"),
    "logs": _in("logs", "logs"),
    "top": _in("top", "top"),
    "watch": _in("watch", "watch"),
    "plan": _in("queue", "plan"),
    "wait": _in("until", "wait"),
    "retry": _in("retry", "retry"),
    "cancel": _in("queue", "cancel"),
    "set-property": _in("queue", "set_property"),
    "drain": _in("orders", "drain"),
    "resume": _in("orders", "resume"),
    "kill": _in("orders", "kill"),
    "decommission": _in("orders", "decommission"),
    "recommission": _in("orders", "recommission"),
    "reload": _in("orders", "reload"),
}
