# SPDX-License-Identifier: LGPL-2.1-or-later
"""`status ID`: the whole story of one task, in the manner of systemctl status."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sd_taskpacker.bus.client import Client
from sd_taskpacker.bus.replies import Reason
from sd_taskpacker.cli.chain import Tries, earlier, later
from sd_taskpacker.cli.clock import now
from sd_taskpacker.cli.output import Json, Line, Output
from sd_taskpacker.cli.tail import last_lines
from sd_taskpacker.cli.terminal import terminal
from sd_taskpacker.cli.text import age, moment, rough_bytes, rough_span, value
from sd_taskpacker.errors import TaskpackerError
from sd_taskpacker.model.quantities import INFINITY, format_span

NOT_RUNNING: Final = 3
"""As systemctl status of a unit that is not active."""
PLANNED: Final = 2_000
"""Waiting tasks up to which the plan is asked for the end of one that runs; beyond that it takes too long."""
LINES: Final = 10
"""Of its output, where -n does not say otherwise."""
_LABEL: Final = 12
_MARKS: Final = {
    "running": ("●", "good"),
    "failed": ("×", "bad"),
    "waiting": ("○", "warn"),
    "complete": ("○", "good"),
}
_PLAIN_MARKS: Final = {"●": "*", "×": "x", "○": "o"}

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    task: Task
    reasons: Sequence[Reason] = ()
    earlier: Sequence[Task] = ()
    later: Sequence[Task] = ()
    output: Sequence[str] = ()
    planned_end: int | None = None
    """usec: when the plan has it end; asked for where the task itself does not tell."""
    unreadable: str = ""
    """Why there is no output to show; empty when it could be read, or when there never was any."""


async def task_status(client: Client, task_id: str, lines: int | None, out: Output) -> int:
    """Exit status 0 while it runs, NOT_RUNNING otherwise. Raises NoSuchTask."""
    task = await client.get_task(task_id)
    story = await _story(client, task, LINES if lines is None else lines)
    if out.json is not Json.OFF:
        # The task's own keys as GetTask has them, and beside them what the rest of the story adds.
        rest = {"reasons": [asdict(each) for each in story.reasons], "output": story.output}
        chain = {"earlier": [each["id"] for each in story.earlier], "later": [each["id"] for each in story.later]}
        out.document({**task, **rest, **chain})
    else:
        if task["state"] == "running" and "expected" not in task:
            story = replace(story, planned_end=await _planned_end(client, task_id))
        out.paragraph(list(told(story, now(), unicode=terminal(sys.stdout).unicode)))
    return 0 if task["state"] == "running" else NOT_RUNNING


async def _story(client: Client, task: Task, lines: int) -> Story:
    reasons = await client.explain(task["id"]) if task["state"] == "waiting" else []
    output, unreadable = _output(task, lines)
    return Story(
        task=task,
        reasons=reasons,
        earlier=await earlier(client, task),
        later=await later(client, task, Tries(client)),
        output=output,
        unreadable=unreadable,
    )


async def _planned_end(client: Client, task_id: str) -> int | None:
    """None where too much waits for a quick answer, and where there is none: all the rest can be told without."""
    # Imported when needed: most tasks are not asked about in this way.
    from sd_taskpacker.cli.planview import view_of

    with suppress(TaskpackerError):
        if (await client.get_all())["NQueued"] <= PLANNED:
            view = view_of(await client.get_plan("json"))
            return next((bar.end for bar in view.bars if bar.id == task_id), None)
    return None


def _output(task: Task, lines: int) -> tuple[list[str], str]:
    if "started" not in task or not lines:
        return [], ""
    try:
        return last_lines(f"{task['directory']}/results/output.txt", lines), ""
    except OSError as error:
        return [], error.strerror or str(error)


def told(story: Story, at: int, *, unicode: bool) -> Iterator[Line]:
    task = story.task
    mark, style = _MARKS.get(task["state"], ("○", ""))
    about = f" - {task['description']}" if task.get("description") else ""
    yield [(mark if unicode else _PLAIN_MARKS[mark], style), (f" {task['id']}", "head"), (about, "")]
    yield _field("Unit", f"{task['unit']}.{task['kind']}, run as {task['systemd_unit']}")
    yield [(f"{'State':>{_LABEL}}: ", ""), (_state(task), style), (_state_time(task, at), "")]
    for label, text in (*_times(task, at), *_planned(story, at), *_demands(task), *_tries(story)):
        yield _field(label, text)
    for number, reason in enumerate(story.reasons):
        yield _field("Waits" if number == 0 else "", f"{reason.resource}: {reason.text}")
    yield from _ending(story)


def _field(label: str, text: str) -> Line:
    colon = ":" if label else " "
    return [(f"{label:>{_LABEL}}{colon} {text}", "")]


def _state(task: Task) -> str:
    details = [str(task["result"])] if task.get("result", "success") != "success" else []
    if "exit_status" in task:
        details.append(f"status {task['exit_status']}")
    if "signal" in task:
        details.append(f"SIG{task['signal']}")
    details += filter(None, [task.get("message")])
    return f"{task['state']} ({', '.join(details)})" if details else str(task["state"])


def _state_time(task: Task, at: int) -> str:
    if task["state"] == "running":
        return f" since {moment(task['started'], at)}"
    if "ended" not in task:
        return ""
    took = f", after {rough_span(max(0, task['ended'] - task['started']))}" if "started" in task else ""
    return f" since {moment(task['ended'], at)}{took}"


def _times(task: Task, at: int) -> Iterator[tuple[str, str]]:
    """Beside the one that the state tells."""
    yield "Submitted", f"{moment(task['submitted'], at)}, by UID {task['uid']}{_waited(task)}"
    if "started" in task and "ended" in task:
        yield "Started", moment(task["started"], at)
    elif task["state"] == "waiting" and "promised" in task:
        yield "Start", f"by {moment(task['promised'], at)}"
    if "expected" in task:
        yield "Expected", _expected(task, at)
    if "deadline" in task:
        late = ", and runs even if it is late" if task.get("on_deadline") == "run" else ""
        yield "Deadline", f"{moment(task['deadline'], at)}{late}"


def _planned(story: Story, at: int) -> Iterator[tuple[str, str]]:
    if story.planned_end is not None:
        end = story.planned_end
        yield "Expected", f"until {moment(end, at)}" if end > at else "should have ended by now"


def _waited(task: Task) -> str:
    waited = task.get("started", 0) - task["submitted"]
    return f", and waited {rough_span(waited)}" if waited >= 1_000_000 else ""


def _expected(task: Task, at: int) -> str:
    span = f"runs for {format_span(task['expected'])}"
    if task["state"] != "running" or task["expected"] >= INFINITY - task["started"]:
        return span
    end = task["started"] + task["expected"]
    return f"{span}, should have ended {age(end, at)}" if end < at else f"{span}, until {moment(end, at)}"


def _demands(task: Task) -> Iterator[tuple[str, str]]:
    limit = f"{rough_bytes(task['memory_max'])} at most"
    yield "Memory", f"{limit}, peak {rough_bytes(task['memory_peak'])}" if "memory_peak" in task else limit
    used = f", used {rough_span(task['cpu_usec'])}" if "cpu_usec" in task else ""
    yield "CPUs", f"{task['cpus']}{used}"
    yield "Priority", str(task["priority"])
    yield "Command", " ".join(map(_quoted, task["argv"]))
    for number, (name, given) in enumerate(sorted(task["parameters"].items())):
        yield "Parameters" if number == 0 else "", f"{name}={value(given)}"
    if "tag" in task:
        yield "Tag", str(task["tag"])


def _quoted(argument: str) -> str:
    """As in Exec=, so that one sees where an argument ends."""
    if argument and not any(char.isspace() or char in "\"'\\" for char in argument):
        return argument
    inside = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


def _tries(story: Story) -> Iterator[tuple[str, str]]:
    if story.earlier:
        yield "Retry of", ", ".join(f"{each['id']} ({_state(each)})" for each in reversed(story.earlier))
    elif "retry_of" in story.task:
        yield "Retry of", str(story.task["retry_of"])
    if story.later:
        yield "Tried again", ", ".join(f"{each['id']} ({_state(each)})" for each in story.later)
    elif "retries" in story.task:
        yield "Retries", f"{story.task['retries']} left"


def _ending(story: Story) -> Iterator[Line]:
    if "started" not in story.task:
        return
    results = f"{story.task['directory']}/results"
    yield _field("Results", results)
    if story.unreadable:
        yield _field("Output", f"{results}/output.txt cannot be read: {story.unreadable}")
    if story.output:
        yield [("", "")]
        yield from ([(line.expandtabs(), "")] for line in story.output)
