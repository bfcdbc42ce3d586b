# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.drawing.words import DAY, HOUR, MINUTE, SECOND, WEEK, clock, memory, relative, span, stamp, summary
from sd_taskpacker.model.quantities import INFINITY
from tests.drawing.situations import NOW, Situation, at, small


@pytest.mark.parametrize(
    ("usec", "text"),
    [
        (0, "0s"),
        (400_000, "0s"),
        (45 * SECOND, "45s"),
        (125 * SECOND, "2min 5s"),
        (59 * MINUTE + 59 * SECOND, "59min 59s"),
        (HOUR - 1, "1h"),
        (3 * HOUR + 20 * MINUTE + 29 * SECOND, "3h 20min"),
        (DAY - 1, "1d"),
        (5 * DAY + 2 * HOUR, "5d 2h"),
        (40 * DAY, "5w 5d"),
        (3 * 365 * DAY, "3.0y"),
    ],
)
def test_a_span_is_told_in_two_units(usec: int, text: str) -> None:
    assert span(usec) == text


def test_a_time_on_another_day_has_its_date() -> None:
    assert clock(at(300), NOW) == "14:05"
    assert clock(NOW + DAY, NOW) == "22 Nov 14:00"
    assert clock(NOW + 60 * WEEK, NOW) == "15 Jan 2028 14:00"


def test_a_time_that_is_no_date_is_the_last_one() -> None:
    assert stamp(INFINITY) == "Fri 9999-12-31 23:59:59 UTC"
    assert stamp(-1) == "Thu 1970-01-01 00:00:00 UTC"


def test_relative_times_read_like_speech() -> None:
    assert [relative(at(seconds), NOW) for seconds in (0, 60, -60)] == ["now", "in 1min", "1min ago"]


@pytest.mark.parametrize(
    ("chunks", "text"),
    [(0, "0"), (1, "32M"), (32, "1G"), (48, "1.5G"), (395, "12.3G"), (31, "992M"), (1 << 31, "64P")],
)
def test_memory_is_told_in_three_digits(chunks: int, text: str) -> None:
    assert memory(chunks) == text


def test_the_summary_counts() -> None:
    text = "3 running, 4 waiting, 2 of them without a place, 1 will miss its deadline"
    assert summary(small().view()) == text


def test_the_summary_of_nothing() -> None:
    assert summary(Situation().view()) == "Nothing runs, nothing waits"


def test_the_summary_says_that_it_is_draining() -> None:
    assert "draining" in summary(Situation(draining=True).view())
