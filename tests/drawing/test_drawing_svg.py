# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from sd_taskpacker.drawing import as_svg
from sd_taskpacker.drawing.svg import PLOT_END
from sd_taskpacker.model.unit import Kind
from tests.drawing.drawn import active_content, classes, fills, parsed, svg_of, texts
from tests.drawing.situations import HOSTILE, Situation, hostile, many, overcommitted, small

MEGABYTE = 1 << 20


def test_hostile_labels_stay_text() -> None:
    drawing = svg_of(hostile())
    assert active_content(drawing) == []
    tips = texts(drawing, "title")
    assert any(tip.startswith("</title></text></style><script>alert(1)</script>\n") for tip in tips)
    assert len(tips) == 2 + 2 * len(HOSTILE)
    assert texts(drawing, "style") == texts(svg_of(Situation()), "style")


def test_nothing_comes_from_elsewhere() -> None:
    text = as_svg.render(hostile().view())
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"@import|@font-face|url\((?!#)", text)


def test_every_task_has_a_row_with_its_name_and_what_it_takes() -> None:
    shown = texts(svg_of(small()))
    for text in ("build/massif@20261121.0", "compress@20261121.7", "2G", "4G"):
        assert text in shown


def test_a_tooltip_says_all_there_is_to_know() -> None:
    [tip] = [tip for tip in texts(svg_of(small()), "title") if tip.startswith("load@20261121.12")]
    assert tip.splitlines() == [
        "load@20261121.12",
        "batch, waiting; starts 14:08 (in 8min 20s)",
        "promised to start by 14:11 (in 10min 40s)",
        "expected to end 14:25 (in 25min), after 16min 40s",
        "2G of memory, 4 CPUs, priority 50",
        "deadline 14:20 (in 20min), missed by 5min",
    ]


def test_now_is_marked() -> None:
    drawing = svg_of(small())
    assert "now" in classes(drawing)
    assert "now 14:00:23" in texts(drawing)


def test_what_is_above_the_budget_has_a_pattern_and_words() -> None:
    drawing = svg_of(overcommitted())
    assert "url(#fill-over)" in fills(drawing)
    assert "▲ up to 2G above the budget" in texts(drawing)
    assert "▲ up to 2 above the budget" in texts(drawing)


def test_within_the_budget_there_is_no_warning() -> None:
    drawing = svg_of(small())
    assert "url(#fill-over)" not in fills(drawing)
    assert not any("above the budget" in text for text in texts(drawing))


def test_states_differ_in_pattern_and_not_only_in_colour() -> None:
    batch, workorder, overdue, planned = (
        fills(svg_of(s))
        for s in (
            Situation().task("a", start=-9),
            Situation().task("a", start=-9, kind=Kind.WORKORDER),
            Situation().task("a", start=-9, overdue=True),
            Situation().task("a", start=9),
        )
    )
    assert batch == {"url(#fill-batch)"}
    assert workorder == {"url(#fill-workorder)"}
    assert overdue == {"url(#fill-overdue)"}
    assert planned == {"url(#fill-planned)"}


def test_a_planned_workorder_is_striped() -> None:
    assert "url(#fill-stripes)" in fills(svg_of(Situation().task("a", start=9, kind=Kind.WORKORDER)))


def test_what_is_overdue_or_late_says_so() -> None:
    shown = texts(svg_of(small()))
    assert "overdue" in shown
    assert "late by 5min" in shown


def test_a_missed_deadline_has_another_mark() -> None:
    assert "missed" not in classes(svg_of(Situation().task("a", start=9, end=60, deadline=60)))
    assert "missed" in classes(svg_of(Situation().task("a", start=9, end=60, deadline=59)))


def test_the_latest_start_is_a_whisker() -> None:
    assert "whisker" not in classes(svg_of(Situation().task("a", start=9)))
    assert "whisker" in classes(svg_of(Situation().task("a", start=9, latest=20)))


def test_a_latest_start_that_is_far_off_is_an_arrow_and_the_axis_stays_that_of_the_plan() -> None:
    plain, far = (svg_of(small().task("a", start=9, end=20, latest=latest)) for latest in (None, 400_000))
    assert set(texts(far)) - set(texts(plain)) == {"latest start is further off"}
    assert set(texts(plain)) <= set(texts(far))
    assert max(whiskers(far)) < PLOT_END


def test_a_latest_start_on_the_other_scale_is_an_arrow_too() -> None:
    s = Situation().task("a", start=5, end=20, latest=300_000)
    for end in (60, 70, 80, 90, 500_000):
        s.task(f"ends-{end}", end=end)
    assert "later, compressed »" in texts(svg_of(s))
    assert "latest start is further off" in texts(svg_of(s))


def whiskers(drawing: ET.Element) -> list[float]:
    """How far to the right each one goes, the legend's left out."""
    lines = [e.get("d", "") for e in drawing.iter() if e.get("class") == "whisker"]
    return [float(re.split("[mM]", line.partition("H")[2])[0]) for line in lines if not line.startswith("M1 ")]


def test_what_began_before_the_drawing_does_has_an_arrow() -> None:
    assert "mark" not in row_classes(Situation().task("a", start=-1, end=60))
    assert "mark" in row_classes(Situation().task("a", start=-600, end=60))


def test_the_axis_is_said_again_where_it_is_too_far_up() -> None:
    assert texts(svg_of(small())).count("14:10") == 1
    assert texts(svg_of(many(200))).count("14:10") == 3


def row_classes(situation: Situation) -> set[str]:
    return {name for e in svg_of(situation).iter() if e.get("class") == "row" for name in classes(e)}


def test_the_far_part_is_drawn_lighter() -> None:
    s = Situation()
    for end in (60, 70, 80, 90, 500_000):
        s.task(f"ends-{end}", end=end)
    drawing = svg_of(s)
    assert {"far", "break"} <= classes(drawing)
    assert "later, compressed »" in texts(drawing)


def test_what_has_no_place_is_listed_with_its_reasons() -> None:
    shown = texts(svg_of(Situation().without_place("huge", "needs 16G", "needs 9 CPUs")))
    assert {"Without a place  1", "huge", "needs 16G; needs 9 CPUs"} <= set(shown)


def test_of_many_without_a_place_the_rest_is_counted() -> None:
    s = Situation()
    for index in range(50):
        s.without_place(f"huge-{index}", "too large")
    assert "and 20 tasks more" in texts(svg_of(s))


def test_nothing_to_do_is_said() -> None:
    assert "Nothing runs, nothing waits." in texts(svg_of(Situation()))


def test_a_budget_of_nothing_can_be_drawn() -> None:
    s = Situation(chunks=0, cpus=0)
    assert "budget 0" in texts(svg_of(s))
    assert "url(#fill-over)" in fills(svg_of(s.task("a", start=-9)))


def test_draining_is_said() -> None:
    assert any("draining" in text for text in texts(svg_of(Situation(draining=True))))


def test_it_is_bounded_and_says_how_many_more_there_are() -> None:
    text = as_svg.render(many(20_000).view())
    assert len(text.encode()) < MEGABYTE
    assert "19,900 tasks more" in texts(parsed(text))


def test_long_names_do_not_make_it_large() -> None:
    s = Situation()
    for index in range(2_000):
        s.task("数" * 10_000 + str(index), start=index).without_place("x" * 10_000, *["y" * 10_000] * 10)
    assert len(as_svg.render(s.view()).encode()) < 2 * MEGABYTE


def test_the_same_view_gives_the_same_drawing_whatever_the_order_of_its_bars() -> None:
    s = many(300)
    first = as_svg.render(s.view())
    s.bars.reverse()
    assert as_svg.render(s.view()) == first


def test_dark_and_light_are_told_apart_and_paper_is_light() -> None:
    [style] = texts(svg_of(Situation()), "style")
    assert "@media screen and (prefers-color-scheme:dark)" in style
