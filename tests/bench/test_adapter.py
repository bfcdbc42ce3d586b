# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import importlib.util

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sd_taskpacker.plan.accuracy import ENOUGH, UNKNOWN
from sd_taskpacker.plan.pace import SLACK_OF_PACE, Pace
from tests.bench import adapter
from tests.bench.adapter import SECOND, make_policy, plan
from tests.bench.replay import State
from tests.bench.score import check
from tests.bench.stream import Stream


def test_the_planner_lets_a_short_one_pass_and_none_that_delays() -> None:
    s = Stream(cpus=4).job(cpus=3, est=10).job(at=1, cpus=4, est=10)
    assert s.job(at=2, cpus=1, est=8).job(at=2, cpus=1, est=9).starts(make_policy()) == [0, 10, 2, 20]


def test_what_was_promised_is_noted_and_kept() -> None:
    outcome = Stream(cpus=1).job(est=20, run=10).job(at=5, est=10).replay(make_policy())
    first = Pace().joined(20 * SECOND)
    second = first.joined(10 * SECOND)
    slacks = [SLACK_OF_PACE * pace.value(UNKNOWN, 0) for pace in (first, second)]
    assert outcome.promised == pytest.approx({0: slacks[0] + 3 * 20, 1: slacks[1] + 5 + 3 * 10})
    assert outcome.starts == [0, 10]


def test_it_wants_to_be_asked_when_a_promise_is_due() -> None:
    workload = Stream(cpus=1).job(est=20).job(est=10).job(est=15, deadline=35).workload()
    waiting = [0, 1, 2]
    state = State(cpus=1, mem=1, free_cpus=1, free_mem=1, jobs=workload.jobs, queue=waiting, arrived=waiting)
    policy = make_policy()
    policy.begin(workload)
    assert policy.choose(state) == [1]
    assert policy.wake == min(policy.planned[0], policy.planned[2])


def test_memory_counts_and_where_it_has_no_limit_it_does_not() -> None:
    s = Stream(mem=3).job(mem=2, est=10).job(at=1, mem=2)
    assert s.starts(make_policy()) == [0, 10]
    assert Stream(mem=0, jobs=s.jobs).starts(make_policy()) == [0, 1]


def test_a_job_whose_deadline_cannot_be_met_runs_all_the_same() -> None:
    assert Stream(cpus=1).job(est=10).job(at=1, est=10, deadline=15).starts(make_policy()) == [0, 10]


def test_where_expected_times_are_kept_room_is_held_for_a_deadline() -> None:
    """Which is known after some runs: the last two come when these are over, and the longer one is hurried."""
    s = Stream(cpus=1)
    for number in range(ENOUGH):
        s.job(at=10 * number, est=10)
    over = 10 * ENOUGH
    s.job(at=over, est=50, deadline=over + 55).job(at=over, est=20)
    assert s.starts(make_policy())[-2:] == [over, over + 50]


@given(times=st.lists(st.floats(0.001, 30), min_size=1, max_size=8))
@example(times=[1.0, 1.0, 4.0, 4.0, 4.0, 7.0, 3.5])
def test_times_that_are_no_whole_seconds_make_a_schedule(times: list[float]) -> None:
    s = Stream(cpus=2)
    for time in times:
        s.job(est=time)
    check(s.workload(), plan(s.workload()))
    check(s.workload(), s.starts(make_policy()))


def test_a_plan_has_a_start_for_each_in_seconds() -> None:
    assert plan(Stream(cpus=2).job(cpus=2, est=1.5).job(cpus=1, est=3).workload())[1] == pytest.approx(1.5, abs=1e-5)


def test_another_evaluator_can_load_it_by_its_path() -> None:
    spec = importlib.util.spec_from_file_location("adapter", adapter.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert Stream(cpus=1).job(est=10).job(at=1).starts(module.make_policy()) == [0, 10]
