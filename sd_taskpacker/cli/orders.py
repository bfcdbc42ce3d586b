# SPDX-License-Identifier: LGPL-2.1-or-later
"""Orders to the service that answer nothing: done, or an error."""

from __future__ import annotations

from argparse import Namespace

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Output


async def kill(client: Client, options: Namespace, out: Output) -> int:
    await client.kill(options.id, options.signal)
    return out.done()


async def decommission(client: Client, options: Namespace, out: Output) -> int:
    await client.decommission(options.root)
    out.talk(f"{options.root} executes nothing further; what runs there goes on to its end.")
    return out.done()


async def recommission(client: Client, options: Namespace, out: Output) -> int:
    await client.recommission(options.root)
    return out.done()


async def drain(client: Client, options: Namespace, out: Output) -> int:
    await client.drain()
    out.talk("Nothing further starts; what runs goes on to its end. taskpackerctl resume takes this back.")
    return out.done()


async def resume(client: Client, options: Namespace, out: Output) -> int:
    await client.resume()
    return out.done()


async def reload(client: Client, options: Namespace, out: Output) -> int:
    await client.reload()
    return out.done()
