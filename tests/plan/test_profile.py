# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.resource import Resource
from sd_taskpacker.plan.profile import Profile


def _profile(capacity: int = 10) -> Profile:
    return Profile(0, [Resource("memory", capacity)])


def test_a_reservation_holds_from_its_start_up_to_its_end() -> None:
    profile = _profile()
    profile.reserve({"memory": 4}, 5, 8)
    assert [profile.at(time)["memory"] for time in (0, 4, 5, 7, 8, 100)] == [10, 10, 6, 6, 10, 10]


def test_the_earliest_hole_must_be_long_enough() -> None:
    profile = _profile()
    profile.reserve({"memory": 8}, 5, 8)
    profile.reserve({"memory": 8}, 12, 20)
    assert profile.earliest({"memory": 5}, 5, 0) == 0
    assert profile.earliest({"memory": 5}, 6, 0) == 20
    assert profile.earliest({"memory": 5}, 4, 1) == 1
    assert profile.earliest({"memory": 5}, 4, 2) == 8


def test_what_is_held_for_ever_has_no_earliest_time() -> None:
    profile = _profile()
    assert profile.earliest({"memory": 11}, 1, 0) is None


reservations = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20), st.integers(1, 10)), max_size=8)


@given(reservations, st.integers(1, 10), st.integers(1, 10))
def test_earliest_agrees_with_looking_at_every_moment(
    held: list[tuple[int, int, int]], wanted: int, runs: int
) -> None:
    profile = _profile()
    for amount, start, length in held:
        profile.reserve({"memory": amount}, start, start + length)

    def free(time: int) -> int:
        return 10 - sum(amount for amount, start, length in held if start <= time < start + length)

    expected = next(t for t in range(100) if all(free(t + step) >= wanted for step in range(runs)))
    assert profile.earliest({"memory": wanted}, runs, 0) == expected
