# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.bench.stream import Stream
from tests.bench.workload import (
    PUBLISHED_STARTS,
    Job,
    Workload,
    WorkloadError,
    all_at_once,
    published_sequences,
    read,
    with_deadlines,
)

SWF = """\
; Version: 2.2
; MaxProcs: 8

1 100 0 50 2 -1 -1 4 60 -1 1 7 1 1 1 1 -1 -1
2 90 0 50 2 -1 -1 -1 40 -1 1 7 1 1 1 1 -1 -1
3 120 0 50 2 -1 -1 2 -1 -1 1 7 1 1 1 1 -1 -1
4 130 0 0 2 -1 -1 2 60 -1 5 7 1 1 1 1 -1 -1
5 140 0 50 -1 -1 -1 -1 60 -1 5 7 1 1 1 1 -1 -1
6 150 0 50 9 -1 -1 9 60 -1 1 7 1 1 1 1 -1 -1
"""
CSV = """\
# cpus=8
# mem = 16
# source=nobody

job,submit,cpus,mem,est,run,user,priority,deadline
1,10,2,4,60,50,3,5,100
2,20,1,0,60,60,3,,
3,30,1,17,60,60,3,,
"""


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["kth.swf", "kth.swf.gz"])
def test_swf(tmp_path: Path, name: str) -> None:
    """Left out is what never ran, asked for nothing or is larger than the machine.

    An estimate that is unknown or too short is the true time; CPUs are the larger of those asked for and those given.
    """
    assert read(written(tmp_path, name, SWF)) == Workload(
        name="kth",
        cpus=8,
        jobs=[
            Job(number=2, submit=0, cpus=2, est=50, run=50),
            Job(number=1, submit=10, cpus=4, est=60, run=50),
            Job(number=3, submit=30, cpus=2, est=50, run=50),
        ],
    )


@pytest.mark.parametrize("name", ["stream.csv", "stream.csv.gz"])
def test_csv(tmp_path: Path, name: str) -> None:
    assert read(written(tmp_path, name, CSV)) == Workload(
        name="stream",
        cpus=8,
        mem=16,
        jobs=[
            Job(number=1, submit=0, cpus=2, mem=4, est=60, run=50, priority=5, deadline=90),
            Job(number=2, submit=10, cpus=1, est=60, run=60),
        ],
    )


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.swf", "; MaxProcs: 8\n1 2 3\n", r"a\.swf:2: .*18 numbers"),
        ("a.swf", "; MaxProcs: 8\n1 x" + " 1" * 16, r"a\.swf:2: .*'x'"),
        ("a.swf", SWF.replace("MaxProcs", "Procs"), "MaxProcs: 256"),
        ("a.swf", "; MaxProcs: 8\n", "not one job"),
        ("a.csv", CSV.replace("cpus=8", "cores=8"), r"a\.csv: .*'cpus'"),
        ("a.csv", CSV.replace("submit", "from"), r"a\.csv: .*'submit'"),
        ("a.csv", CSV.replace("1,10,", "1,ten,"), r"a\.csv: job 1 .*'ten'"),
        ("a.csv", CSV + "4,40\n", r"a\.csv: job 4 "),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(WorkloadError, match=complaint):
        read(written(tmp_path, name, text))


def test_the_published_sequences_are_windows_with_their_own_time() -> None:
    jobs = [Job(number=i, submit=10 * i, cpus=1, est=1, run=1) for i in range(10_000)]
    sequences = published_sequences(Workload(name="lublin", jobs=jobs, cpus=256))
    assert [sequence.jobs[0].number for sequence in sequences] == list(PUBLISHED_STARTS)
    assert all(len(sequence.jobs) == 1024 and sequence.jobs[1].submit == 10 for sequence in sequences)


def test_another_stream_has_no_published_sequences() -> None:
    with pytest.raises(WorkloadError, match="1 jobs; the published sequences are of 10,000"):
        published_sequences(Stream().job().workload())


def test_deadlines_are_made_up_only_where_there_are_none() -> None:
    s = Stream().job(at=10, est=1000).job(at=10, est=60).job(at=10, deadline=50)
    assert [job.deadline for job in with_deadlines(s.workload()).jobs] == [4010, 2410, 50]


def test_all_at_once_declares_the_truth_and_forgets_deadlines() -> None:
    workload = Stream().job(at=10, est=60, run=50, deadline=90).workload()
    assert all_at_once(workload, workload.jobs).jobs == [Job(number=0, submit=0, cpus=1, est=50, run=50)]
