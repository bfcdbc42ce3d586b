# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.serials import MAX_NUMBER, Serial, after, check_given, day_of, next_of, parse, spell

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
TODAY = "20270115"
DAY = 86_400 * SECOND


def test_a_day_is_utc() -> None:
    assert day_of(NOW) == TODAY
    assert day_of(NOW + 16 * 3600 * SECOND) == "20270116"


def test_numbers_begin_anew_each_day() -> None:
    assert next_of(None, NOW) == (TODAY, 0)
    assert next_of(("20270114", 7), NOW) == (TODAY, 0)
    assert next_of((TODAY, 7), NOW) == (TODAY, 7)


def test_on_a_clock_that_goes_back_the_numbers_go_on() -> None:
    assert next_of((TODAY, 7), NOW - 5 * DAY) == (TODAY, 7)


@pytest.mark.parametrize(
    "version", [f"{TODAY}.012", f"{TODAY}.x", f"{TODAY}.", TODAY, "v1", "", f"{TODAY}.-1", f"{TODAY}.٣"]
)
def test_other_versions_do_not_count(version: str) -> None:
    assert parse(version) is None
    check_given(version, None, NOW)


def test_a_version_of_a_day_to_come_is_refused() -> None:
    with pytest.raises(ValueError, match="day to come"):
        check_given("20270116.0", None, NOW)
    check_given(f"{TODAY}.5", None, NOW)
    check_given("20270114.5", None, NOW)


def test_a_number_that_would_end_the_day_is_refused() -> None:
    with pytest.raises(ValueError, match=str(MAX_NUMBER)):
        check_given(f"{TODAY}.{MAX_NUMBER + 1}", None, NOW)


numbers = st.integers(0, 9)
steps = st.lists(st.tuples(st.integers(-3, 3), st.one_of(st.none(), st.tuples(st.integers(-3, 3), numbers))))


@given(steps)
def test_no_version_is_ever_made_twice(moves: list[tuple[int, tuple[int, int] | None]]) -> None:
    """The clock jumps by days, and callers give versions of any day that is not to come."""
    known: Serial | None = None
    used: set[str] = set()
    for clock, by_hand in moves:
        now = NOW + clock * DAY
        if by_hand is not None:
            version = spell((day_of(NOW + by_hand[0] * DAY), by_hand[1]))
            try:
                check_given(version, known, now)
            except ValueError:
                continue
            if version in used:
                continue
        else:
            version = spell(next_of(known, now))
            assert version not in used
        used.add(version)
        known = after(known, parse(version))
