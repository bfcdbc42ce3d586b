# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.bus.systemd_manager import UnitStatus, unit_path


def test_unit_path_is_escaped_as_systemd_does() -> None:
    assert unit_path("3-a.service") == "/org/freedesktop/systemd1/unit/_33_2da_2eservice"


@pytest.mark.parametrize(
    ("load", "active", "job", "alive", "over"),
    [
        ("loaded", "active", 0, True, False),
        ("loaded", "deactivating", 0, True, False),
        ("loaded", "inactive", 7, True, False),
        ("loaded", "failed", 0, False, True),
        ("not-found", "inactive", 0, False, True),
    ],
)
def test_unit_that_waits_for_its_job_is_alive(load: str, active: str, job: int, alive: bool, over: bool) -> None:
    status = UnitStatus.of(["a.service", "", load, active, "", "", "/unit", job, "start" if job else "", "/job"])
    assert (status.alive, status.over, status.start_job) == (alive, over, "/job" if job else "")
