# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far a client's values reach: into their own argument and parameters.json, whatever they are."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.bus.properties import transient
from sd_taskpacker.engine.drafting import task_of
from sd_taskpacker.engine.requests import Place, examine
from sd_taskpacker.host.commands import CommandFiles
from sd_taskpacker.host.workdir import WorkDirectories
from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.settings import Source, load_unit
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, BOOT, NOW, office

UNIT: Final = """\
[Batch]
Exec=/usr/bin/env -i "--one=${one} x" ${two} '${one}${two}' $$HOME $${one} literal
[Parameter]
Name=one
[Parameter]
Name=two
Default=2
[Parameter]
Name=token
Secret=yes
Default=""
[Service]
Environment=A=1 "B=two words"
PrivateNetwork=yes
"""
NASTY: Final = st.sampled_from(
    [
        "",
        " ",
        '"',
        "'",
        "\\",
        ";",
        "$",
        "${two}",
        "$$",
        "%n",
        "%%",
        "\n",
        "\t",
        "-",
        "--",
        "/../..",
        "@",
        "a b",
        "A=1",
    ]
)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.lists(NASTY).map(
    "".join
)


def _request(params: dict[str, str]) -> Request:
    return Request("job", {}, {name: Value("s", text) for name, text in params.items()})


def _task(state_directory: str = "/state", **params: str) -> Task:
    unit, problems = load_unit(Kind.BATCH, "job", [Source("job.batch", UNIT)])
    assert (unit is not None, problems) == (True, ())
    assert unit
    place = Place(state_directory=state_directory, boot_id=BOOT, default_user=None)
    (instance,) = examine(office(unit, place=place), Kind.BATCH, ADMIN, [_request(params)], NOW)
    return task_of(place, instance, TaskId.make("job", "1"), ADMIN, NOW)


PLAIN: Final = _task(one="1")


@given(one=TEXT, two=TEXT, token=TEXT)
def test_a_value_is_part_of_its_own_argument_and_changes_no_other(one: str, two: str, token: str) -> None:
    assert _task(one=one, two=two, token=token).argv == (
        "/usr/bin/env",
        "-i",
        f"--one={one} x",
        two,
        f"{one}{two}",
        "$HOME",
        "${one}",
        "literal",
    )


@given(one=TEXT, two=TEXT, token=TEXT)
def test_nothing_that_systemd_is_told_depends_on_a_value_but_those_arguments(one: str, two: str, token: str) -> None:
    task = _task(one=one, two=two, token=token)
    told, plain = (dict(transient(each, "/state")) for each in (task, PLAIN))
    assert told == plain
    # The unit has a `$`, so that its command goes by a file: one command, unexpanded (`:`), with as many words.
    assert "ExecStart" not in told
    with TemporaryDirectory() as dropins:
        CommandFiles(Path(dropins)).write(task)
        (path,) = (each for each in Path(dropins).rglob("*") if each.is_file())
        assert path.parent.name == f"{task.id.unit_name}.d"
        _, section, line = path.read_text("utf-8").removesuffix("\n").split("\n")
    assert section == "[Service]"
    assert split_words(line.removeprefix("ExecStart=:").replace("%%", "%")) == task.argv
    assert (task.directory, task.root_directory, task.id) == (PLAIN.directory, PLAIN.root_directory, PLAIN.id)


@given(one=TEXT, two=TEXT, token=TEXT)
def test_the_task_reads_back_what_was_given_and_no_file_has_another_name(one: str, two: str, token: str) -> None:
    with TemporaryDirectory() as state:
        task = _task(state, one=one, two=two, token=token)
        WorkDirectories().prepare(task).close()
        work = Path(task.directory)
        assert json.loads((work / "parameters.json").read_text("utf-8")) == {"one": one, "two": two, "token": token}
        found = sorted(str(path.relative_to(state)) for path in Path(state).rglob("*"))
        assert found == ["job", "job/@1", "job/@1/parameters.json", "job/@1/results", "job/@1/results/output.txt"]
