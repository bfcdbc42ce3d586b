# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.resource import MEMORY, Resource
from sd_taskpacker.plan.fields import Fields
from sd_taskpacker.plan.profile import FOREVER, Profile

FIELDS = Fields([Resource(MEMORY, 10)])


def _need(chunks: int) -> int:
    return FIELDS.need({MEMORY: chunks})


def _probe(chunks: int) -> int:
    return FIELDS.probe({MEMORY: chunks})


def _profile(*held: tuple[int, int, int]) -> Profile:
    """`held`: start, end, chunks."""
    return Profile(0, FIELDS.capacity, FIELDS.guards, [(start, end, _need(chunks)) for start, end, chunks in held])


def _earliest(profile: Profile, chunks: int, duration: int, not_before: int = 0) -> int:
    return profile.time(profile.earliest(_probe(chunks), duration, profile.cut(not_before)))


def _free(profile: Profile, time: int) -> int:
    step = profile.cut(time)
    return next(chunks for chunks in range(10, -1, -1) if profile.fits(_probe(chunks), 1, step) or chunks == 0)


def test_a_reservation_holds_from_its_start_up_to_its_end() -> None:
    profile = _profile()
    profile.reserve(profile.cut(5), 3, _need(4))
    assert [_free(profile, time) for time in (0, 4, 5, 7, 8, 100)] == [10, 10, 6, 6, 10, 10]


def test_what_is_held_from_the_beginning_is_as_if_it_were_reserved() -> None:
    profile = _profile((5, 8, 4), (-3, 2, 1), (-9, 0, 7))
    assert [_free(profile, time) for time in (0, 1, 2, 5, 8)] == [9, 9, 10, 6, 10]


def test_the_earliest_hole_must_be_long_enough() -> None:
    profile = _profile((5, 8, 8), (12, 20, 8))
    assert _earliest(profile, 5, 5) == 0
    assert _earliest(profile, 5, 6) == 20
    assert _earliest(profile, 5, 4, not_before=1) == 1
    assert _earliest(profile, 5, 4, not_before=2) == 8


def test_what_is_reserved_twice_is_taken_twice_and_given_back_once_for_each() -> None:
    profile = _profile()
    for _ in range(2):
        profile.reserve(profile.cut(3), 4, _need(3))
    profile.reserve(profile.cut(3), 4, -_need(3))
    assert [_free(profile, time) for time in (2, 3, 6, 7)] == [10, 7, 7, 10]


def test_a_copy_does_not_know_what_becomes_of_the_other() -> None:
    profile = _profile((2, 4, 1))
    copy = profile.copy()
    copy.reserve(copy.head, 3, _need(5))
    assert _free(profile, 0) == 10
    assert _free(copy, 0) == 5


def test_what_is_given_up_is_not_searched() -> None:
    profile = _profile((3, 5, 10))
    profile.drop_head()
    profile.drop_head()
    assert profile.time(profile.earliest(_probe(1), 1, profile.head)) == 5


def test_a_cut_is_made_once() -> None:
    profile = _profile((3, 5, 1))
    steps = len(profile)
    assert profile.cut(4) == profile.cut(4)
    assert len(profile) == steps + 1
    assert profile.time(profile.cut(5)) == 5


def test_overcommitment_at_any_time_is_no_sound_profile() -> None:
    assert _profile((3, 5, 10)).is_sound(FIELDS.floor)
    assert not _profile((3, 5, 10), (4, 9, 1)).is_sound(FIELDS.floor)


def test_a_time_beyond_all_centuries_is_a_time() -> None:
    profile = _profile((0, 1 << 70, 10))
    assert _earliest(profile, 1, 1 << 70) == 1 << 70 < FOREVER


reservations = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20), st.integers(1, 10)), max_size=8)


@given(reservations, st.integers(1, 10), st.integers(1, 10), st.integers(0, 30))
def test_earliest_agrees_with_looking_at_every_moment(
    held: list[tuple[int, int, int]], wanted: int, runs: int, not_before: int
) -> None:
    built = _profile(*((start, start + length, amount) for amount, start, length in held))
    reserved = _profile()
    for amount, start, length in held:
        reserved.reserve(reserved.cut(start), length, _need(amount))

    def free(time: int) -> int:
        return 10 - sum(amount for amount, start, length in held if start <= time < start + length)

    expected = next(t for t in range(not_before, 200) if all(free(t + step) >= wanted for step in range(runs)))
    assert _earliest(built, wanted, runs, not_before) == expected
    assert _earliest(reserved, wanted, runs, not_before) == expected
