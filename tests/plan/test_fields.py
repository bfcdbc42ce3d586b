# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.resource import CPU, MEMORY, Resource
from sd_taskpacker.plan.fields import Fields


def _fields(*capacities: int) -> Fields:
    return Fields([Resource(f"r{number}", capacity) for number, capacity in enumerate(capacities)])


def _fits(fields: Fields, room: int, amounts: dict[str, int]) -> bool:
    return (room - fields.probe(amounts)) & fields.guards == fields.guards


def test_one_resource_that_is_short_is_enough_to_refuse() -> None:
    fields = _fields(4, 2)
    assert _fits(fields, fields.capacity, {"r0": 4, "r1": 2})
    assert not _fits(fields, fields.capacity, {"r0": 4, "r1": 3})
    assert not _fits(fields, fields.capacity, {"r0": 5, "r1": 0})


def test_what_is_overcommitted_is_below_zero_and_no_other_field_knows() -> None:
    fields = _fields(4, 2)
    room = fields.capacity - fields.need({"r0": 7})
    assert fields.amounts(room) == {"r0": -3, "r1": 2}
    assert _fits(fields, room, {"r1": 2})
    assert not _fits(fields, room, {"r0": 1})


def test_of_what_is_not_there_nothing_is_taken_and_nothing_is_wanted() -> None:
    fields = _fields(4)
    assert fields.need({"gpu": 3, "r0": 1}) == fields.need({"r0": 1})
    assert fields.probe({"gpu": 0}) == 0


def test_the_least_of_all_is_taken_for_each_resource() -> None:
    fields = Fields([Resource(MEMORY, 8), Resource(CPU, 8)])
    probes = [fields.probe({MEMORY: 1, CPU: 5}), fields.probe({MEMORY: 6, CPU: 2})]
    assert fields.least(probes) == fields.probe({MEMORY: 1, CPU: 2})
    assert fields.least([*probes, fields.probe({MEMORY: 9})]) == fields.probe({MEMORY: 1})


amounts = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=300)


@given(amounts, st.data())
def test_hundreds_of_resources_compare_as_each_of_them_does(capacities: list[int], data: st.DataObject) -> None:
    fields = _fields(*capacities)
    size = len(capacities)
    taken = data.draw(st.lists(st.integers(0, 1 << 41), min_size=size, max_size=size))
    wanted = data.draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    room = fields.capacity - fields.need({f"r{n}": amount for n, amount in enumerate(taken)})
    free = [capacity - amount for capacity, amount in zip(capacities, taken, strict=True)]
    assert list(fields.amounts(room).values()) == free
    assert _fits(fields, room, {f"r{n}": amount for n, amount in enumerate(wanted)}) == all(
        want <= left for want, left in zip(wanted, free, strict=True) if want
    )
