# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Manager interface from the other side, for the command line and for programs in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sd_taskpacker.bus.link import Link
from sd_taskpacker.bus.plain import plain, variants
from sd_taskpacker.bus.replies import Forecast, PastEvent, Reason, Submitted, UnitRow
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value

_REQUESTS = "a(sa{sv}a{sv})"


class Client(Link):
    """One connection. Every method raises TaskpackerError; use it as an asynchronous context manager."""

    __slots__ = ()

    async def batch_submit(self, requests: Sequence[Request]) -> list[Submitted]:
        """What fits starts now, the rest is rejected."""
        return await self._submit("BatchSubmit", requests)

    async def batch_queue(self, requests: Sequence[Request]) -> list[Submitted]:
        """What fits starts now, the rest waits; rejected is what could never run, or only after its deadline."""
        return await self._submit("BatchQueue", requests)

    async def batch_test(self, requests: Sequence[Request]) -> list[Forecast]:
        """What `batch_queue` would do, an instance at a time."""
        (rows,) = await self.call("BatchTest", _REQUESTS, [_encode(requests)], answer="a(sstss)")
        return [
            Forecast(name=name, verdict=verdict, start=start, code=code, text=text)
            for name, verdict, start, code, text in rows
        ]

    async def cancel(self, task_id: str) -> None:
        await self.call("Cancel", "s", [task_id])

    async def set_task_properties(self, task_id: str, properties: Mapping[str, Value]) -> None:
        await self.call("SetTaskProperties", "sa{sv}", [task_id, variants(properties)])

    async def drain(self) -> None:
        await self.call("Drain")

    async def resume(self) -> None:
        await self.call("Resume")

    async def workorder_start(self, requests: Sequence[Request]) -> list[str]:
        (ids,) = await self.call("WorkorderStart", _REQUESTS, [_encode(requests)], answer="as")
        return list(ids)

    async def kill(self, task_id: str, signal: str) -> None:
        await self.call("Kill", "ss", [task_id, signal])

    async def decommission(self, root: str) -> None:
        await self.call("Decommission", "s", [root])

    async def recommission(self, root: str) -> None:
        await self.call("Recommission", "s", [root])

    async def reload(self) -> None:
        await self.call("Reload")

    async def list_tasks(self, filters: Mapping[str, Value]) -> list[dict[str, Any]]:
        """Tasks as `model.task.describe` shows them, newest first."""
        (tasks,) = await self.call("ListTasks", "a{sv}", [variants(filters)], answer="aa{sv}")
        return [plain(task) for task in tasks]

    async def get_task(self, task_id: str) -> dict[str, Any]:
        (task,) = await self.call("GetTask", "s", [task_id], answer="a{sv}")
        return {key: plain(value) for key, value in task.items()}

    async def get_parameters(self, task_id: str) -> dict[str, Value]:
        """A task's parameters as submitted, with their D-Bus types: what submits it again."""
        (task,) = await self.call("GetTask", "s", [task_id], answer="a{sv}")
        return {name: Value(each.signature, each.value) for name, each in task["parameters"].value.items()}

    async def list_units(self) -> list[UnitRow]:
        (rows,) = await self.call("ListUnits", answer="a(ssssb)")
        return [
            UnitRow(name=name, kind=kind, path=path, description=description, loaded=loaded)
            for name, kind, path, description, loaded in rows
        ]

    async def get_unit_problems(self, unit: str) -> list[Problem]:
        (rows,) = await self.call("GetUnitProblems", "s", [unit], answer="a(susss)")
        return [
            Problem(path, line, key, Severity.ERROR if severity == Severity.ERROR else Severity.WARNING, message)
            for path, line, key, severity, message in rows
        ]

    async def explain(self, task_id: str) -> list[Reason]:
        """Why it waits."""
        (rows,) = await self.call("Explain", "s", [task_id], answer="a(sss)")
        return [Reason(resource=resource, verdict=verdict, text=text) for resource, verdict, text in rows]

    async def get_plan(self, form: str) -> str:
        """`form`: json, text, svg or html."""
        (plan,) = await self.call("GetPlan", "s", [form], answer="s")
        return str(plan)

    async def list_events(self, after: int, limit: int = 0) -> list[PastEvent]:
        """Those with a higher sequence number, oldest first. The service has a limit of its own: ask again after
        the last one, until there are none."""
        (rows,) = await self.call("ListEvents", "tu", [after, limit], answer="a(ttssa{sv})")
        return [
            PastEvent(sequence=sequence, time=time, id=task_id, event=event, details=plain(details))
            for sequence, time, task_id, event, details in rows
        ]

    async def _submit(self, member: str, requests: Sequence[Request]) -> list[Submitted]:
        (answers,) = await self.call(member, _REQUESTS, [_encode(requests)], answer="a(asas)")
        if len(answers) != len(requests):
            raise self.mismatch(f"{member} answered {len(answers)} of {len(requests)} requests")
        return [Submitted(tuple(accepted), tuple(rejected)) for accepted, rejected in answers]


def _encode(requests: Sequence[Request]) -> list[list[Any]]:
    return [[request.unit, variants(request.args), variants(request.params)] for request in requests]
