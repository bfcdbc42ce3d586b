# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queue: why a task waits, when it will start, and what a person can change about that."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from typing import Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.errors import TaskpackerError, Unreachable
from sd_taskpacker.model.values import Value

_SIGNATURES: Final = {"priority": "u", "deadline": "s", "size": "s"}


async def why(client: Client, options: Namespace, out: Output) -> int:
    reasons = await client.explain(options.id)
    if out.json is not Json.OFF:
        out.document([asdict(each) for each in reasons])
    else:
        out.table(("RESOURCE", "VERDICT", "REASON"), [(each.resource, each.verdict, each.text) for each in reasons])
    return 0


async def plan(client: Client, options: Namespace, out: Output) -> int:
    if options.drawing:
        out.file(await client.get_plan(options.drawing))
    elif out.json is not Json.OFF:
        out.document(json.loads(await client.get_plan("json")))
    elif (place := terminal(sys.stdout)).live:
        # Imported when needed: why and cancel draw nothing.
        from sd_taskpacker.cli.canvas import painted
        from sd_taskpacker.cli.gantt import chart
        from sd_taskpacker.cli.lanes import Brush
        from sd_taskpacker.cli.planview import view_of

        brush = Brush(unicode=place.unicode, color=place.color)
        view = view_of(await client.get_plan("json"))
        drawn = chart(view, place.columns, place.rows, brush)
        out.drawing([painted(each, color=place.color) for each in drawn])
    else:
        out.lines((await client.get_plan("text")).rstrip("\n").split("\n"))
    return 0


async def cancel(client: Client, options: Namespace, out: Output) -> int:
    """Each of them, whatever becomes of the others; the exit status is that of the first that could not be."""
    status, cancelled = 0, []
    for task_id in options.ids:
        try:
            await client.cancel(task_id)
            cancelled.append(task_id)
        except Unreachable:
            raise
        except TaskpackerError as error:
            out.error(error)
            status = status or error.exit_status
    if out.json is not Json.OFF:
        out.document({"cancelled": cancelled})
    return status


async def set_property(client: Client, options: Namespace, out: Output) -> int:
    given = {name: Value(_SIGNATURES[name], data) for name, data in options.properties}
    await client.set_task_properties(options.id, given)
    return out.done()
