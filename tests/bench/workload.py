# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workloads: jobs in submit order and the machine they are for. Read from SWF or CSV, plain or .gz.

Times are seconds from the first submission, memory is in chunks of 32 MiB.

SWF is the Standard Workload Format of the Parallel Workloads Archive; what it may say of memory is not read.
CSV begins with lines `# key=value`, of which `cpus` and `mem` are the machine; a header with job, submit, cpus, mem,
est, run, priority and deadline follows, and then one job a line. `mem=0` is a source that knows nothing of memory.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

PUBLISHED_STARTS: Final = (1981, 2756, 4299, 8850, 3316, 2714, 5228, 7762, 4022, 7085)
"""Where the ten sequences begin, in a stream of 10,000 jobs, that published tables on the Lublin streams are means
over (RLScheduler, SC'20)."""
PUBLISHED_LENGTH: Final = 1024


class WorkloadError(Exception):
    """What is wrong with a file, where, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    number: int
    """In its source."""
    submit: float
    cpus: int
    mem: int = 0
    est: float
    """What was declared; all that a policy may know."""
    run: float
    """How long it truly takes; nan for a policy."""
    priority: int = 0
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    name: str
    jobs: Sequence[Job]
    cpus: int
    mem: int = 0
    """0: memory does not count."""

    @property
    def chunks(self) -> int:
        """Of the machine, with more than anybody asks for where memory does not count."""
        return self.mem or 1 << 60


def read(path: Path) -> Workload:
    """Raises WorkloadError for what is no workload, OSError for what cannot be read."""
    name = path.name.removesuffix(".gz")
    parse = _read_swf if name.endswith(".swf") else _read_csv
    with open_text(path) as lines:
        return parse(str(path), name.rpartition(".")[0], lines)


def open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")


def _read_csv(path: str, name: str, lines: Iterable[str]) -> Workload:
    notes: dict[str, str] = {}
    reader = csv.DictReader(_without_notes(lines, notes))
    jobs: list[Job] = []
    try:
        for row in reader:
            jobs.append(_csv_job(row))
        cpus, mem = int(notes["cpus"]), int(notes.get("mem", 0))
    except KeyError as e:
        raise WorkloadError(f"{path}: no column or note {e}; see {Path(__file__).name} for the format") from e
    except (TypeError, ValueError) as e:
        raise WorkloadError(
            f"{path}: job {len(jobs) + 1} or the notes above: {e}; correct or remove that line"
        ) from e
    return _tidy(Workload(name=name, jobs=jobs, cpus=cpus, mem=mem))


def _without_notes(lines: Iterable[str], notes: dict[str, str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            notes[key.strip()] = value.strip()
        elif line.strip():
            yield line


def _csv_job(row: dict[str, str]) -> Job:
    return Job(
        number=int(row["job"]),
        submit=float(row["submit"]),
        cpus=int(row["cpus"]),
        mem=int(row.get("mem") or 0),
        est=float(row["est"]),
        run=float(row["run"]),
        priority=int(row.get("priority") or 0),
        deadline=float(row["deadline"]) if row.get("deadline") else None,
    )


def _read_swf(path: str, name: str, lines: Iterable[str]) -> Workload:
    head: dict[str, str] = {}
    jobs: list[Job] = []
    for number, line in enumerate(lines, 1):
        if line.startswith(";"):
            key, _, value = line.lstrip("; ").partition(":")
            head.setdefault(key.strip(), value.strip())
            continue
        try:
            job = _swf_job(line.split())
        except (IndexError, ValueError) as e:
            raise WorkloadError(f"{path}:{number}: {e}; a job has 18 numbers in SWF") from e
        if job is not None:
            jobs.append(job)
    try:
        cpus = int(head.get("MaxProcs") or head["MaxNodes"])
    except (KeyError, ValueError) as e:
        raise WorkloadError(f"{path}: how large is the machine? Add a line like '; MaxProcs: 256'") from e
    return _tidy(Workload(name=name, jobs=jobs, cpus=cpus))


def _swf_job(fields: Sequence[str]) -> Job | None:
    """None for an empty line, and for a job that never ran or asked for nothing."""
    if not fields:
        return None
    run, cpus, est = float(fields[3]), max(int(float(fields[4])), int(float(fields[7]))), float(fields[8])
    if run <= 0 or cpus <= 0:
        return None
    # Who outlived the request was let run on, so the request is taken to have been as long; -1 is "unknown".
    return Job(number=int(fields[0]), submit=float(fields[1]), cpus=cpus, est=max(est, run), run=run)


def _tidy(workload: Workload) -> Workload:
    """Submit order, time from zero, and without jobs that are larger than the machine."""
    jobs = sorted(workload.jobs, key=lambda job: (job.submit, job.number))
    if not jobs:
        raise WorkloadError(f"{workload.name}: there is not one job in it that ran")
    fit = [job for job in jobs if job.cpus <= workload.cpus and job.mem <= workload.chunks]
    return replace(workload, jobs=[_earlier(job, jobs[0].submit) for job in fit])


def _earlier(job: Job, by: float) -> Job:
    deadline = None if job.deadline is None else job.deadline - by
    return replace(job, submit=job.submit - by, deadline=deadline) if by else job


def published_sequences(workload: Workload) -> list[Workload]:
    """Raises WorkloadError where the stream is not one of 10,000 jobs, as those that tables were published for."""
    if len(workload.jobs) != 10_000:
        raise WorkloadError(f"{workload.name}: {len(workload.jobs)} jobs; the published sequences are of 10,000")
    return [
        _tidy(replace(workload, name=f"{workload.name}#{i}", jobs=workload.jobs[start : start + PUBLISHED_LENGTH]))
        for i, start in enumerate(PUBLISHED_STARTS)
    ]


def with_deadlines(workload: Workload, factor: float = 4.0, least: float = 600.0) -> Workload:
    """Where the source has none: `factor` times what was declared, or times `least` seconds if that is longer."""
    jobs = [
        job if job.deadline is not None else replace(job, deadline=job.submit + factor * max(job.est, least))
        for job in workload.jobs
    ]
    return replace(workload, jobs=jobs)


def all_at_once(workload: Workload, jobs: Iterable[Job]) -> Workload:
    """These jobs of it, all of them waiting at zero, none in a hurry, with the true times declared: pure packing."""
    ready = [replace(job, submit=0.0, est=job.run, deadline=None) for job in jobs]
    return replace(workload, name=f"{workload.name}@0", jobs=ready)
