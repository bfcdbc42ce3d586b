# SPDX-License-Identifier: LGPL-2.1-or-later
"""`--json` of every verb is one JSON document with the keys that `--help` promises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sd_taskpacker.bus.wire import TASK_SIGNATURES
from sd_taskpacker.cli.arguments import VERBS, parse
from sd_taskpacker.cli.documents import DOCUMENTS, TASK
from sd_taskpacker.drawing.as_json import render
from tests.cli.standin import Standin, run, task
from tests.cli.test_cli_overview import answer
from tests.drawing.situations import small

ENDED = task("a@1", state="complete", result="success", ended=1_795_258_445_000_000)

COMMANDS: dict[str, Sequence[str]] = {
    "submit": ("submit", "a"),
    "submit --dry-run": ("submit", "a", "--dry-run"),
    "start": ("start", "a"),
    "list": ("list",),
    "status": ("status",),
    "status ID": ("status", "a@1"),
    "list-units": ("list-units",),
    "cat": ("cat", "a"),
    "show": ("show",),
    "show ID": ("show", "a@1"),
    "stats": ("stats", "a"),
    "why": ("why", "a@1"),
    "plan": ("plan",),
    "logs": ("logs", "a@1"),
    "top": ("top",),
    "wait": ("wait", "a@1", "-q"),
    "retry": ("retry", "a@1"),
    "cancel": ("cancel", "a@1"),
    "set-property": ("set-property", "a@1", "priority=1"),
    "drain": ("drain",),
    "resume": ("resume",),
    "kill": ("kill", "a@1"),
    "decommission": ("decommission", "a"),
    "recommission": ("recommission", "a"),
    "reload": ("reload",),
}


def test_every_verb_is_documented_and_every_document_is_tried() -> None:
    assert {name.split()[0] for name in DOCUMENTS} == set(VERBS)
    assert set(COMMANDS) | {"verify", "watch"} == set(DOCUMENTS)


def test_the_help_of_a_verb_tells_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="^0$"):
        parse(["why", "--help"])
    assert "why --json: a list of {resource, verdict, text}" in capsys.readouterr().out


def check(name: str, shown: Any) -> None:
    document = DOCUMENTS[name]
    assert isinstance(shown, list) is document.many
    for each in shown if document.many else [shown]:
        own = {key for key in each if not (document.about == TASK and key in TASK_SIGNATURES)}
        if document.about == TASK:
            assert each["id"] == "a@1"
        elif name == "show":
            own = set()
        assert own == set(document.keys)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("form", ["short", "pretty"])
async def test_json_has_the_documented_keys(
    service: Standin, address: str, tmp_path: Path, name: str, form: str
) -> None:
    (tmp_path / "a.batch").write_text("[Batch]\n", encoding="ascii")
    answer(service, waiting=1)
    service.answers |= {
        "BatchQueue": ("a(asas)", [[[["a@1"], []]]]),
        "BatchTest": ("a(sstss)", [[["a", "now", 5, "fits", "it starts now"]]]),
        "WorkorderStart": ("as", [["a@1"]]),
        "ListTasks": ("aa{sv}", [[ENDED]]),
        "GetTask": ("a{sv}", [ENDED]),
        "ListUnits": ("a(ssssb)", [[["a", "batch", f"{tmp_path}/a.batch", "", True]]]),
        "Explain": ("a(sss)", [[["memory", "not-now", "wants 1G"]]]),
        "GetPlan": ("s", [render(small().view())]),
    }
    done = await run(address, *COMMANDS[name], f"--json={form}")
    assert done.status == (3 if name == "status ID" else 0), done.err
    check(name, json.loads(done.out))


async def test_json_of_verify_has_the_documented_keys(address: str) -> None:
    done = await run(address, "verify", "nope.batch", "--json")
    check("verify", json.loads(done.out))


async def test_an_error_leaves_stdout_empty(service: Standin, address: str) -> None:
    service.answers["GetTask"] = ("org.sdtaskpacker1.Error.NoSuchTask", ["there is no task 'a@1'"])
    done = await run(address, "show", "a@1", "--json")
    assert (done.status, done.out) == (4, "")
