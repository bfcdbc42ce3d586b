# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from tests.bench.timeline import Timeline


def test_what_fits_for_the_whole_time_is_found_between_what_is_taken() -> None:
    line = Timeline(0, 4, 8)
    line.take(10, 10, 3, 0)
    assert line.earliest(1, 0, 100) == 0
    assert line.earliest(2, 0, 10) == 0
    assert line.earliest(2, 0, 11) == 20


def test_both_must_be_free() -> None:
    line = Timeline(0, 4, 8, [(10, 4, 0), (20, 0, 8)])
    assert (line.earliest(1, 0, 5), line.earliest(0, 1, 5), line.earliest(1, 1, 5)) == (10, 20, 20)


def test_what_is_given_back_can_be_taken_again() -> None:
    line = Timeline(0, 4, 8)
    line.take(0, 10, 4, 8)
    line.take(0, 10, -4, -8)
    assert line.earliest(4, 8, 5) == 0


def test_more_than_there_is_is_never_free() -> None:
    with pytest.raises(ValueError, match="5 CPUs and 1 chunks are never free"):
        Timeline(0, 4, 8).earliest(5, 1, 1)
