# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.packing import excess, floor, list_planner, read_instances
from tests.bench.stream import Stream
from tests.bench.workload import Job, Workload, WorkloadError

CSV = """\
# cut without waste
instance,width,optimum,task,cpus,run
two,3,5,0,2,5
one,2,4,0,2,4
two,3,5,1,1,5
"""


@pytest.mark.parametrize(
    ("order", "starts"),
    [("given", [0, 5, 7, 11]), ("longest", [0, 9, 5, 11]), ("widest", [6, 0, 2, 11]), ("area", [6, 4, 0, 11])],
)
def test_a_list_planner_takes_them_in_order(order: str, starts: list[float]) -> None:
    """Memory is for one at a time."""
    s = Stream(mem=1).job(mem=1, est=5).job(mem=1, cpus=3, est=2).job(mem=1, cpus=2, est=4).job(mem=1, est=1)
    assert list_planner(order)(s.workload()) == starts


def test_a_list_planner_uses_the_earliest_place_that_is_left() -> None:
    s = Stream(cpus=3).job(cpus=2, est=4).job(cpus=3, est=1).job(est=4).job(est=1)
    assert list_planner("given")(s.workload()) == [0, 4, 0, 5]


def test_an_unknown_order_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no order 'tallest'; there is given"):
        list_planner("tallest")


def test_the_excess_is_a_share_of_the_shortest() -> None:
    assert excess(Stream(cpus=1).job(est=4).job(est=4).workload(), [0, 6], 8) == 0.25


@pytest.mark.parametrize(
    ("stream", "shortest"),
    [
        (Stream(cpus=4).job(cpus=1, est=9).job(cpus=1, est=2), 9),
        (Stream(cpus=4).job(cpus=3, est=8).job(cpus=4, est=2), 8),
        (Stream(cpus=4, mem=4).job(mem=4, est=6).job(mem=4, est=6), 12),
    ],
)
def test_the_floor_is_the_longest_job_or_the_work(stream: Stream, shortest: float) -> None:
    assert floor(stream.workload()) == shortest


def test_instances_load_memory_as_they_load_cpus(tmp_path: Path) -> None:
    path = tmp_path / "packing.csv"
    path.write_text(CSV)
    (two, five), (one, four) = read_instances(path)
    assert (five, four, one.name) == (5, 4, "one")
    assert two == Workload(
        name="two",
        cpus=3,
        mem=3,
        jobs=[
            Job(number=0, submit=0, cpus=2, mem=2, est=5, run=5),
            Job(number=1, submit=0, cpus=1, mem=1, est=5, run=5),
        ],
    )


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "packing.csv"
    path.write_text(CSV.replace("optimum", "height"))
    with pytest.raises(WorkloadError, match=r"packing\.csv: 'optimum'; columns are"):
        read_instances(path)
