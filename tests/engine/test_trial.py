# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine.admission import enqueue
from sd_taskpacker.engine.events import Drained
from sd_taskpacker.engine.manager import Forecast, Trial
from sd_taskpacker.engine.requests import Office
from sd_taskpacker.engine.trial import draft
from sd_taskpacker.errors import InvalidArgs
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value
from sd_taskpacker.plan.planner import plan
from sd_taskpacker.plan.reasons import span
from tests.engine.builders import ADMIN, NOW, SECOND, office, parameter, request, state, task, unit, waiting


def _try(at: Office, *requests: Request) -> list[Trial]:
    asked = draft(at, ADMIN, requests, NOW)
    return asked.told(plan(asked.snapshot))


def test_now_later_and_never_are_told_apart() -> None:
    of = state(task("full", chunks=24, expected_usec=60 * SECOND), chunks=32)
    at = office(
        unit("small", chunks=8, expected_usec=30 * SECOND), unit("large", chunks=32), unit("huge", chunks=33), of=of
    )
    trials = _try(at, request("small"), request("large"), request("huge"))
    assert [(trial.label, trial.forecast, trial.start, trial.code) for trial in trials] == [
        ("small", Forecast.NOW, NOW, "fits"),
        ("large", Forecast.LATER, trials[1].start, "memory"),
        ("huge", Forecast.NEVER, 0, "memory"),
    ]
    assert trials[1].start >= NOW + 60 * SECOND
    latest = span(trials[1].start - NOW)
    assert trials[1].text == f"is expected to start in 1min, at the latest in {latest}: wants 1G, 0 is free"
    assert trials[2].text == "wants 1056M, there is 1G"


def test_each_instance_of_a_fan_out_has_its_forecast() -> None:
    at = office(unit(chunks=20, parameters=(parameter(),)))
    assert [(trial.label, trial.forecast) for trial in _try(at, request(target=["/a", "/b"]))] == [
        ("job?target=/a", Forecast.NOW),
        ("job?target=/b", Forecast.LATER),
    ]


def test_a_deadline_that_cannot_be_met_is_never() -> None:
    at = office(unit(expected_usec=600 * SECOND))
    (trial,) = _try(at, request(args={"deadline": Value("s", "5min")}))
    assert (trial.forecast, trial.code) == (Forecast.NEVER, "deadline")
    assert trial.text == "would end in 10min, 5min after its deadline"


def test_the_start_that_is_told_is_the_one_that_is_promised_when_it_is_queued() -> None:
    at = office(unit(chunks=32, expected_usec=60 * SECOND), of=state(task("full", chunks=32)))
    (trial,) = _try(at, request())
    (queued,) = enqueue(at, ADMIN, [request()], NOW).events
    at.state.apply(queued)
    assert list(at.state.starts(NOW).promised.values()) == [trial.start]


def test_drained_nobody_can_tell_when() -> None:
    held = state()
    held.apply(Drained())
    (trial,) = _try(office(unit(), of=held), request())
    assert (trial.forecast, trial.start, trial.code) == (Forecast.LATER, 0, "drained")


def test_a_units_own_limit_is_a_reason_like_any_other() -> None:
    held = state(task(max_running=1, expected_usec=60 * SECOND))
    (trial,) = _try(office(unit(max_running=1), of=held), request())
    assert trial.start >= NOW + 60 * SECOND
    assert trial.code == "unit:job"
    assert trial.text.endswith("as many tasks of job run as its MaxRunning= allows")


def test_nothing_is_recorded() -> None:
    held = state(waiting("other"))
    _try(office(unit(), of=held), request(), request())
    assert held.serial("job") is None
    assert len(held.open_tasks()) == 1


def test_a_malformed_request_fails_the_whole_call() -> None:
    with pytest.raises(InvalidArgs, match="request 2"):
        _try(office(unit()), request(), request(args={"nonsense": Value("s", "x")}))


def test_times_are_told_to_the_second() -> None:
    assert [span(usec) for usec in (0, 1, SECOND, 61 * SECOND + 1)] == ["0s", "1s", "1s", "1min 2s"]
