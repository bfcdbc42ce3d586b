# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever the numbers are, there is a drawing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.drawing import as_html, as_json, as_svg, as_text
from sd_taskpacker.drawing.view import Bar, PlanView, Unplaced
from sd_taskpacker.model.quantities import INFINITY
from sd_taskpacker.model.unit import Kind
from tests.drawing.drawn import active_content, numbers, parsed
from tests.drawing.situations import NOW

times = st.one_of(
    st.integers(0, INFINITY),
    st.integers(NOW - 10**9, NOW + 10**9),
    st.integers(NOW - 10**13, NOW + 10**13),
    st.sampled_from((0, NOW, INFINITY)),
)
amounts = st.one_of(st.integers(0, 300), st.integers(0, 2**64))
bars = st.builds(
    Bar,
    id=st.text(max_size=20),
    label=st.text(max_size=20),
    kind=st.sampled_from(Kind),
    running=st.booleans(),
    start=times,
    end=times,
    latest=st.none() | times,
    chunks=amounts,
    cpus=amounts,
    priority=st.integers(-(2**31), 2**32),
    deadline=st.none() | times,
    overdue=st.booleans(),
)
unplaced = st.builds(Unplaced, id=st.text(), label=st.text(), reasons=st.lists(st.text(), max_size=3).map(tuple))
views = st.builds(
    PlanView,
    now=st.just(NOW) | times,
    chunks=amounts,
    cpus=amounts,
    bars=st.lists(bars, max_size=12).map(tuple),
    unplaced=st.lists(unplaced, max_size=3).map(tuple),
    draining=st.booleans(),
)


@given(views)
def test_svg_and_html_are_well_formed_and_harmless(view: PlanView) -> None:
    for text in (as_svg.render(view), as_html.render(view)):
        root = parsed(text)
        assert active_content(root) == []
        assert all(-100 <= number <= 5000 for number in numbers(root))


@given(views)
def test_text_fits_the_terminal(view: PlanView) -> None:
    assert all(len(line) <= as_text.WIDTH and line.isascii() for line in as_text.render(view).splitlines())


@given(views)
def test_json_has_every_task(view: PlanView) -> None:
    assert len(json.loads(as_json.render(view))["tasks"]) == len(view.bars)
