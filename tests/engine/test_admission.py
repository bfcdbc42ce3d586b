# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.engine.admission import Admission, admit, enqueue
from sd_taskpacker.engine.events import TaskQueued, TaskStarted
from sd_taskpacker.engine.requests import Office
from sd_taskpacker.model.quantities import SIZES
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.task import Task, TaskState
from sd_taskpacker.model.unit import Kind, Reference, TaskUnit, Word
from sd_taskpacker.model.values import Value
from tests.engine.builders import ADMIN, NOW, SECOND, TODAY, office, parameter, request, state, task, unit


def _admit(at: Office, *requests: Request, kind: Kind = Kind.BATCH, caller: Caller = ADMIN) -> Admission:
    return admit(at, kind, caller, requests, NOW)


def _answers(admission: Admission) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(answer.started, answer.rejected) for answer in admission.answers]


def _one(at: Office, asked: Request, kind: Kind = Kind.BATCH) -> Task:
    (task,) = _started(_admit(at, asked, kind=kind))
    return task


def _started(admission: Admission) -> list[Task]:
    return [event.task for event in admission.events if isinstance(event, TaskStarted)]


def test_what_fits_starts_and_the_rest_is_rejected_in_request_order() -> None:
    at = office(unit("large", chunks=32), unit("tiny", chunks=1))
    answers = _answers(_admit(at, request("tiny"), request("large"), request("tiny")))
    assert answers == [((f"tiny@{TODAY}.0",), ()), ((), ("large",)), ((f"tiny@{TODAY}.1",), ())]


def test_priority_decides_and_not_the_position_in_the_call() -> None:
    at = office(unit(chunks=32))
    answers = _answers(_admit(at, request(), request(args={"priority": Value("u", 200)})))
    assert answers == [((), ("job",)), ((f"job@{TODAY}.0",), ())]


def test_a_rejection_burns_no_version() -> None:
    at = office(unit(chunks=20))
    assert _answers(_admit(at, request(), request())) == [((f"job@{TODAY}.0",), ()), ((), ("job",))]
    assert at.state.serial("job") is None


def test_versions_go_on_where_the_day_was_left() -> None:
    at = office(unit(), of=state(serials={"job": (TODAY, 7)}))
    assert _one(at, request()).id.version == f"{TODAY}.7"


def test_versions_begin_anew_each_day() -> None:
    at = office(unit(), of=state(serials={"job": ("20270114", 7)}))
    assert _one(at, request()).id.version == f"{TODAY}.0"


def test_a_version_given_by_hand_in_our_form_is_stepped_over() -> None:
    given = request(args={"version": Value("s", f"{TODAY}.0")})
    assert _answers(_admit(office(unit()), request(), given)) == [
        ((f"job@{TODAY}.1",), ()),
        ((f"job@{TODAY}.0",), ()),
    ]


def test_a_fan_out_is_one_answer_with_many_tasks() -> None:
    at = office(unit(chunks=12, parameters=(parameter(),)))
    answers = _answers(_admit(at, request(target=["/a", "/b", "/c"])))
    assert answers == [((f"job@{TODAY}.0", f"job@{TODAY}.1"), ("job?target=/c",))]


def test_a_task_asked_for_by_a_task_becomes_its_child_in_its_roots_directory() -> None:
    parent = task("build", root_directory="/srv/build")
    caller = Caller(uid=500, may_manage=False, may_submit=True, task=parent.id)
    (child,) = _started(_admit(office(unit(), of=state(parent)), request(), caller=caller))
    assert str(child.id) == f"build/job@{TODAY}.0"
    assert child.directory == f"/srv/build/job/@{TODAY}.0"
    assert child.uid == 500


def test_a_root_has_its_own_directory() -> None:
    assert _one(office(unit()), request()).directory == f"/state/job/@{TODAY}.0"
    assert _one(office(unit(directory="/srv/job")), request()).directory == f"/srv/job/@{TODAY}.0"


def test_what_the_request_says_goes_before_what_the_unit_says() -> None:
    asked = request(
        args={
            "size": Value("s", "384M"),
            "cpus": Value("u", 2),
            "expected": Value("t", 5 * SECOND),
            "deadline": Value("s", "1h"),
            "tag": Value("s", "nightly"),
            "argv": Value("as", ["--fast"]),
        }
    )
    started = _one(office(unit(deadline_usec=7200 * SECOND)), asked)
    assert (started.chunks, started.cpus, started.expected_usec, started.tag) == (12, 2, 5 * SECOND, "nightly")
    assert started.deadline_usec == NOW + 3600 * SECOND
    assert started.argv == ("/bin/true", "--fast")


def test_a_deadline_that_cannot_be_met_is_a_rejection_with_its_reason() -> None:
    at = office(unit(expected_usec=600 * SECOND))
    admission = _admit(at, request(args={"deadline": Value("s", "5min")}))
    assert _answers(admission) == [((), ("job",))]
    ((label, reasons),) = admission.rejected
    assert label == "job"
    assert reasons[0].text == "would end in 10min, 5min after its deadline"


def test_a_time_that_is_only_assumed_is_no_reason_to_refuse_a_deadline() -> None:
    asked = request(args={"deadline": Value("s", "5min")})
    at = office(unit())
    assert _answers(_queue(at, asked)) == _answers(_admit(at, asked)) == [((f"job@{TODAY}.0",), ())]
    for event in _queue(at, asked).events:
        at.state.apply(event)
    assert at.state.starts(NOW).due == {f"job@{TODAY}.0"}
    learnt = office(unit(), of=state(learnt={"job": (600 * SECOND,)}))
    ((_, reasons),) = _queue(learnt, asked).rejected
    assert reasons[0].text == "would end in 10min, 5min after its deadline"


def test_what_cannot_even_start_by_its_deadline_is_refused_however_long_it_takes() -> None:
    at = office(unit(), of=state(task("full", chunks=32, expected_usec=600 * SECOND)))
    ((_, reasons),) = _queue(at, request(args={"deadline": Value("s", "5min")})).rejected
    assert reasons[0].text == "would start in 10min, 5min after its deadline"


def test_a_task_runs_as_its_units_user_or_the_default_one() -> None:
    assert _one(office(unit(user="nobody")), request()).user == "nobody"
    assert _one(office(unit()), request()).user == "taskpacker"


def test_workorders_start_even_without_room() -> None:
    at = office(unit(kind=Kind.WORKORDER, chunks=64, cpus=64))
    assert _one(at, request(), kind=Kind.WORKORDER).chunks == 64


def test_parameters_reach_the_command_as_one_argument_and_are_remembered_as_submitted() -> None:
    words = (Word(("/bin/echo",)), Word(("--target=", Reference("target"))), Word((Reference("mode"),)))
    parameters = (parameter(), parameter("mode", default="fast"))
    started = _one(office(unit(exec=words, parameters=parameters)), request(target="a b; $(c)"))
    assert started.argv == ("/bin/echo", "--target=a b; $(c)", "fast")
    assert started.params == (("target", Value("s", "a b; $(c)")),)
    assert started.parameters == {"target": "a b; $(c)", "mode": "fast"}


def _queue(at: Office, *requests: Request) -> Admission:
    return enqueue(at, ADMIN, requests, NOW)


def test_what_is_queued_waits_with_all_that_its_unit_says() -> None:
    at = office(unit(runs_late=True, max_running=2, retries=3, grows=True))
    (event,) = _queue(at, request()).events
    assert isinstance(event, TaskQueued)
    queued = event.task
    assert (queued.state, queued.started_usec, queued.submitted_usec) == (TaskState.WAITING, 0, NOW)
    assert (queued.runs_late, queued.max_running, queued.retries, queued.grows) == (True, 2, 3, True)


def test_what_runs_already_does_not_keep_anything_from_being_queued() -> None:
    at = office(unit(chunks=32), of=state(task("full", chunks=32)))
    assert _answers(_queue(at, request(), request())) == [((f"job@{TODAY}.{n}",), ()) for n in range(2)]


def test_what_is_larger_than_the_budget_is_rejected_with_the_reason() -> None:
    admission = _queue(office(unit(chunks=33, cpus=5)), request())
    assert _answers(admission) == [((), ("job",))]
    ((_, reasons),) = admission.rejected
    assert {reason.resource for reason in reasons} == {"memory", "cpu"}


def test_drained_a_batch_is_rejected_with_that_reason() -> None:
    admission = _admit(office(unit(), of=state(drained=True)), request())
    assert _answers(admission) == [((), ("job",))]
    assert admission.rejected[0][1][0].resource == "drained"


sizes = st.sampled_from(list(SIZES))


@given(st.lists(st.lists(sizes, max_size=40), max_size=5), st.integers(0, 40), st.integers(0, 8))
def test_running_batch_never_holds_more_than_the_budget(calls: Sequence[list[str]], chunks: int, cpus: int) -> None:
    units: list[TaskUnit] = [unit(name, chunks=size, cpus=1) for name, size in SIZES.items()]
    held = state(chunks=chunks, cpus=cpus)
    for call in calls:
        admission = _admit(office(*units, of=held), *(request(name) for name in call))
        for answer, name in zip(admission.answers, call, strict=True):
            assert len(answer.started) + answer.rejected.count(name) == 1
        for event in admission.events:
            held.apply(event)
        running = list(held.running())
        assert sum(one.chunks for one in running) <= chunks
        assert sum(one.cpus for one in running) <= cpus
        assert len({one.id for one in running}) == len(running)
