# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs that talk to the service: one connection, one verb, one exit status."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Output
from sd_taskpacker.cli.queue import cancel, drain, plan, resume, set_property, why
from sd_taskpacker.cli.show import list_tasks, list_units, show, status
from sd_taskpacker.cli.submit import start, submit

VerbFunction = Callable[[Client, Namespace, Output], Awaitable[int]]


def run(options: Namespace, out: Output) -> int:
    """Raises TaskpackerError; its class says how to exit."""
    return asyncio.run(_connected(options, out))


async def _connected(options: Namespace, out: Output) -> int:
    async with await Client.connect(user=options.user, interactive=not options.no_ask_password) as client:
        return await FUNCTIONS[options.verb](client, options, out)


async def _kill(client: Client, options: Namespace, out: Output) -> int:
    await client.kill(options.id, options.signal)
    return 0


async def _decommission(client: Client, options: Namespace, out: Output) -> int:
    await client.decommission(options.root)
    out.talk(f"{options.root} executes nothing further; what runs there goes on to its end.")
    return 0


async def _recommission(client: Client, options: Namespace, out: Output) -> int:
    await client.recommission(options.root)
    return 0


async def _reload(client: Client, options: Namespace, out: Output) -> int:
    await client.reload()
    return 0


FUNCTIONS: Final[dict[str, VerbFunction]] = {
    "submit": submit,
    "start": start,
    "list": list_tasks,
    "status": status,
    "list-units": list_units,
    "show": show,
    "why": why,
    "plan": plan,
    "cancel": cancel,
    "set-property": set_property,
    "drain": drain,
    "resume": resume,
    "kill": _kill,
    "decommission": _decommission,
    "recommission": _recommission,
    "reload": _reload,
}
