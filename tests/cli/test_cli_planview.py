# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import dataclasses

import pytest

from sd_taskpacker.cli.planview import Outlook, outlook, view_of
from sd_taskpacker.drawing import as_json
from sd_taskpacker.errors import Unreachable
from tests.drawing.situations import Situation, at, hostile, many, overcommitted, small


@pytest.mark.parametrize("make", [Situation, small, overcommitted, lambda: many(50)])
def test_a_plan_comes_back_as_it_was(make: type[Situation]) -> None:
    view = make().view()
    again = view_of(as_json.render(view))
    assert set(again.bars) == set(view.bars)
    assert dataclasses.replace(again, bars=()) == dataclasses.replace(view, bars=())


def test_so_do_hostile_names() -> None:
    view = hostile().view()
    assert view_of(as_json.render(view)).unplaced == view.unplaced


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"now": 5}', "null", '{"now": "x"}'])
def test_what_is_no_plan_is_said(text: str) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        view_of(text)


def test_the_outlook_is_the_last_end_of_ours() -> None:
    s = Situation().task("a@1", start=-5, end=20).task("a@2", start=20, end=50).task("b@1", start=50, end=900)
    view = s.without_place("a@3", "too large").without_place("b@2", "too large").view()
    assert outlook(view, ["a@1", "a@2", "a@3", "a@4"]) == Outlook(end=at(50), unplaced=1)
    assert outlook(view, ["a@3"]) == Outlook(end=None, unplaced=1)
