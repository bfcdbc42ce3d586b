# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.model.resource import claims
from sd_taskpacker.plan.slots import estimated_slots


@pytest.mark.parametrize(
    ("chunks", "cpus", "slots"),
    [
        (32, 64, (32, 8, 4, 1)),
        (31, 64, (31, 7, 3, 0)),
        (32, 2, (2, 2, 2, 1)),
        (0, 8, (0, 0, 0, 0)),
        (1000, 0, (0, 0, 0, 0)),
    ],
)
def test_slots_are_limited_by_memory_and_by_cpus(chunks: int, cpus: int, slots: tuple[int, int, int, int]) -> None:
    assert estimated_slots(claims(chunks=chunks, cpus=cpus)) == slots
