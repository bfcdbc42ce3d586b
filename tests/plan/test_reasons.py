# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.model.resource import claims
from sd_taskpacker.plan.reasons import amount, lacking, reserved, too_large
from sd_taskpacker.plan.snapshot import Reason, Verdict

THERE = {"memory": 32, "cpu": 4, "unit:job": 1}


def test_what_fits_has_no_reason() -> None:
    wanted = claims(chunks=32, cpus=4, limited_unit="job")
    assert too_large(wanted, THERE) == ()
    assert lacking(wanted, THERE) == ()


def test_each_resource_that_is_too_small_is_named() -> None:
    assert too_large(claims(chunks=33, cpus=5), THERE) == (
        Reason("memory", Verdict.NEVER, "wants 1056M, there is 1G"),
        Reason("cpu", Verdict.NEVER, "wants 5 CPUs, there is 4 CPUs"),
    )


def test_what_is_short_now_is_told_with_what_is_free() -> None:
    free = {"memory": 8, "cpu": 0, "unit:job": 0}
    assert [reason.text for reason in lacking(claims(chunks=9, cpus=1, limited_unit="job"), free)] == [
        "wants 288M, 256M is free",
        "wants 1 CPU, 0 CPUs are free",
        "as many tasks of job run as its MaxRunning= allows",
    ]


def test_nothing_is_short_of_what_is_not_wanted() -> None:
    assert lacking(claims(chunks=0, cpus=0), {"memory": -3, "cpu": 0}) == ()
    assert [reason.resource for reason in reserved(claims(chunks=1, cpus=0))] == ["memory"]


@pytest.mark.parametrize(
    ("resource", "number", "text"),
    [("memory", 8, "256M"), ("cpu", 1, "1 CPU"), ("cpu", 2, "2 CPUs"), ("unit:job", 2, "2 tasks of job")],
)
def test_amounts_are_spelled_as_people_do(resource: str, number: int, text: str) -> None:
    assert amount(resource, number) == text
