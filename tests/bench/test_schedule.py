# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import schedule
from tests.bench.schedule import main

CSV = """\
# cpus=1
job,submit,cpus,mem,est,run,user,priority,deadline
1,0,1,0,1000,1000,,,
2,1,1,0,2000,2000,,,2500
3,2,1,0,500,500,,,
"""
PACKING = "instance,width,optimum,task,cpus,run\na,2,4,0,1,2\na,2,4,1,2,2\na,2,4,2,1,2\n"


@pytest.fixture
def stream(tmp_path: Path) -> str:
    path = tmp_path / "stream.csv"
    path.write_text(CSV)
    return str(path)


@pytest.fixture
def rectangles(tmp_path: Path) -> str:
    path = tmp_path / "packing.csv"
    path.write_text(PACKING)
    return str(path)


def test_a_row_for_each_policy(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([stream, "--policies", "fcfs,cons"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "",
        "stream.csv: 3 jobs, 1 CPUs",
        "",
        "policy  bsld  bsld600  mean wait s  longest wait s  missed %  broken %",
        "fcfs    3.17     2.78        1,332           2,998    100.00         -",
        "cons    3.17     2.78        1,332           2,998    100.00      0.00",
    ]


def test_the_table_for_the_readme(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([stream, "--policies", "sjf", "--rst", "--deadlines"]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "======  ====  =======  ===========  ==============  ========",
        "policy  bsld  bsld600  mean wait s  longest wait s  missed %",
        "======  ====  =======  ===========  ==============  ========",
        "sjf     1.92     1.75          832           1,499     33.33",
        "======  ====  =======  ===========  ==============  ========",
    ]


def test_files_that_count_as_one_have_one_row(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([stream, stream, "--mean", "--policies", "fcfs"]) == 0
    out = capsys.readouterr().out
    assert "stream.csv and 1 more: 6 jobs" in out
    assert out.count("fcfs") == 1


def test_every_figure_as_json(stream: str, tmp_path: Path) -> None:
    assert main([stream, "--policies", "fcfs,taskpacker", "--json", str(tmp_path / "out.json")]) == 0
    figures = json.loads((tmp_path / "out.json").read_text())["stream.csv"]
    assert figures["fcfs"]["makespan"] == 3500
    assert figures["taskpacker"].keys() >= {"bsld", "wait_max", "broken_promises", "worst_ms"}


def test_a_long_queue_is_planned_at_once(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There are three jobs in the file; the fourth to sixth that wait are the same again."""
    assert main(["drain", stream, "--counts", "3,6", "--policies", "given,longest"]) == 0
    rows = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [[name, count, "0.00"] for count in "36" for name in ("given", "longest")]


def test_packings_are_compared_with_the_best(rectangles: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["packing", rectangles, "--policies", "given,taskpacker"]) == 0
    rows = [line.split()[:5] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows[0] == ["given", "1", "0.00", "0.00", "1"]
    assert rows[1][:2] == ["taskpacker", "1"]


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["STREAM", "--policies", "best"], "there is no policy 'best'"),
        (["drain", "STREAM", "--policies", "best"], "there is no order 'best'"),
        (["STREAM", "--sequences"], "3 jobs; the published"),
        (["packing", "STREAM"], "columns are"),
        (["/nonexistent.swf"], "/nonexistent.swf"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    stream: str, argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([stream if arg == "STREAM" else arg for arg in argv]) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_it_is_a_program_of_its_own(stream: str, tmp_path: Path) -> None:
    command = [sys.executable, schedule.__file__, stream, "--policies", "taskpacker"]
    assert "taskpacker" in subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
