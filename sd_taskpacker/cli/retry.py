# SPDX-License-Identifier: LGPL-2.1-or-later
"""`retry ID...`: what has ended is asked for again, with the same unit, parameters and demands."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.replies import Submitted
from sd_taskpacker.cli.calls import Placed, answered
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.output import Json, Output
from sd_taskpacker.cli.states import ENDED
from sd_taskpacker.cli.statuses import NO_ROOM
from sd_taskpacker.errors import TaskpackerError, WrongState
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Again:
    task: Task
    request: Request


async def retry(client: Client, options: Namespace, out: Output) -> int:
    """Nothing is asked for before all of them are known to have ended. Batch tasks are as few calls as can be, each
    done whole or not at all, and then each workorder is one. Raises TaskpackerError, after it has told which were
    accepted until then."""
    at = now()
    wanted = [await _again(client, task_id, options, at) for task_id in dict.fromkeys(options.ids)]
    answers: dict[str, Submitted] = {}
    try:
        async for task_id, answer in _ask(client, wanted):
            answers[task_id] = answer
            if out.json is Json.OFF:
                out.lines(answer.accepted)
    except TaskpackerError:
        if answers:
            out.warn(f"{len(answers)} of {len(wanted)} were asked for again; the others were not:")
        raise
    finally:
        _report(wanted, answers, out)
    for each in wanted:
        accepted = answers[each.task["id"]].accepted
        for text in _lost(each.task, await client.get_task(accepted[0]) if accepted else None, at):
            out.talk(f"{each.task['id']}: {text}")
    return NO_ROOM if any(answer.rejected for answer in answers.values()) else 0


async def _ask(client: Client, wanted: Sequence[Again]) -> AsyncIterator[tuple[str, Submitted]]:
    """The id of each with the answer, as it comes."""
    batch = [each for each in wanted if each.task["kind"] == "batch"]
    ids = (str(each.task["id"]) for each in batch)
    async for call, answers in answered([Placed(each.request) for each in batch], client.batch_queue):
        for _, answer in zip(call, answers, strict=True):
            yield next(ids), answer
    for each in wanted:
        if each.task["kind"] != "batch":
            yield str(each.task["id"]), Submitted(tuple(await client.workorder_start([each.request])), ())


async def _again(client: Client, task_id: str, options: Namespace, at: int) -> Again:
    task = await client.get_task(task_id)
    if task["state"] not in ENDED:
        hint = f"taskpackerctl wait {task_id} returns when it has ended"
        raise WrongState(f"{task_id} has not ended, it is {task['state']}; nothing was submitted", hint=hint)
    return Again(task, Request(task["unit"], args_of(task, options, at), await client.get_parameters(task_id)))


def args_of(task: Task, options: Namespace, at: int) -> dict[str, Value]:
    """The demands that the task had, by whomever they were made; --size and --priority have the last word."""
    args = {"size": Value("s", f"{task['memory_max'] >> 20}M"), "cpus": Value("u", task["cpus"])}
    if task["kind"] == "batch":
        args["priority"] = Value("u", task["priority"] if options.priority is None else options.priority)
        if task.get("deadline", 0) > at:
            args["deadline"] = Value("t", task["deadline"])
    if options.size is not None:
        args["size"] = Value("s", options.size)
    if "expected" in task:
        args["expected"] = Value("t", task["expected"])
    if "tag" in task:
        args["tag"] = Value("s", task["tag"])
    return args


def _lost(task: Task, new: Task | None, at: int) -> Iterator[str]:
    """What could not be carried over."""
    if 0 < task.get("deadline", 0) <= at:
        yield "its deadline has passed, the new one has none of its own"
    if new is None:
        return
    if new["name"] != task["name"]:
        yield f"{new['id']} is no child of {task['name'].rpartition('/')[0]}: that takes a running task that asks"
    if new["argv"] != task["argv"]:
        yield (
            f"{new['id']} runs another command: the unit file has changed since, or arguments were appended (--arg), "
            "which nothing but the whole command remembers"
        )


def _report(wanted: list[Again], answers: Mapping[str, Submitted], out: Output) -> None:
    """With --json a list of {"retry_of", "accepted": [id], "rejected": [name]}."""
    rows = [(each.task["id"], answers[each.task["id"]]) for each in wanted if each.task["id"] in answers]
    if out.json is not Json.OFF and rows:
        out.document(
            [{"retry_of": old, "accepted": list(new.accepted), "rejected": list(new.rejected)} for old, new in rows]
        )
    for old, new in rows:
        if new.rejected:
            out.warn(f"No room for {old} again, not even later; --size asks for less")
