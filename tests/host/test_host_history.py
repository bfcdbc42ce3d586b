# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.engine.events import (
    Drained,
    Event,
    RootDecommissioned,
    TaskAltered,
    TaskClosed,
    TaskDropped,
    TaskEnded,
    TaskPromised,
    TaskQueued,
    TaskStarted,
)
from sd_taskpacker.host.history import Details, details, moment, subject
from sd_taskpacker.model.names import TaskId
from tests.host.test_host_store import NOON, ended, task, waiting

ID = TaskId("build/massif", "20261121.0")
ASKED = {"priority": 100, "chunks": 8, "cpus": 1}
ENDED = {"result": "success", "exit_status": 0, "cpu_usec": 12, "memory_peak": 1 << 54}


@pytest.mark.parametrize(
    ("event", "about", "when", "shown"),
    [
        (TaskQueued(waiting(deadline_usec=NOON + 7)), str(ID), NOON, ASKED | {"deadline": NOON + 7}),
        (TaskQueued(waiting(retry_of="a@1")), str(ID), NOON, ASKED | {"retry_of": "a@1"}),
        (TaskAltered(waiting(priority=7)), str(ID), None, ASKED | {"priority": 7}),
        (TaskAltered(task()), str(ID), None, ASKED | {"started": NOON + 1}),
        (TaskPromised(ID, NOON + 5), str(ID), None, {"promised": NOON + 5}),
        (TaskStarted(task()), str(ID), NOON + 1, {}),
        (TaskEnded(ended(task())), str(ID), NOON + 9, ENDED),
        (TaskClosed(ID), str(ID), None, {}),
        (TaskDropped(ID), str(ID), None, {}),
        (RootDecommissioned("build"), "", None, {"root": "build"}),
        (Drained(), "", None, {}),
    ],
)
def test_an_event_is_one_flat_line(event: Event, about: str, when: int | None, shown: Details) -> None:
    assert (subject(event), moment(event), details(event)) == (about, when, shown)
