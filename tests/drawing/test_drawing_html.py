# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.drawing import as_html
from tests.drawing.drawn import active_content, html_of, texts
from tests.drawing.situations import Situation, hostile, many, overcommitted, small


def test_hostile_labels_stay_text() -> None:
    page = html_of(hostile())
    assert active_content(page) == []
    assert "</title></text></style><script>alert(1)</script>" in texts(page, "td")


def test_the_figures_say_what_is_free() -> None:
    assert texts(html_of(small()), "li")[:5] == [
        "3running",
        "2planned",
        "2without a place",
        "3Gof 8G memory free",
        "1of 8 CPUs free",
    ]


def test_the_figures_say_what_is_above_the_budget() -> None:
    assert "+2Gmemory above the budget of 8G" in texts(html_of(overcommitted()), "li")


def test_there_is_a_table_of_each_kind() -> None:
    page = html_of(small())
    assert texts(page, "h2") == ["Running 3", "Next starts 2", "Without a place 2"]
    rows = texts(page, "tr")
    assert "build/massif@20261121.1batch1001G113:27 33min 20s14:08 in 8min 20s overdue" in rows
    assert "load@20261121.12batch502G414:08 in 8min 20s14:1114:25 16min 40s14:20 late by 5min" in rows
    assert "huge-profile@20261121.3needs 16G of memory, the budget is 8G" in rows


def test_every_task_without_a_place_has_a_row_up_to_a_bound() -> None:
    s = Situation()
    for index in range(250):
        s.without_place(f"huge-{index}", "too large")
    page = html_of(s)
    assert [row for row in texts(page, "tr") if row.startswith("huge")] == [f"huge-{i}too large" for i in range(200)]
    assert "and 50 tasks more" in texts(page, "p")


def test_several_reasons_are_a_list() -> None:
    page = html_of(Situation().without_place("huge", *(f"reason {index}" for index in range(20))))
    reasons = [text for text in texts(page, "li") if "reason" in text]
    assert reasons[:2] == ["reason 0", "reason 1"]
    assert reasons[-1] == "and 12 reasons more"


def test_the_drawing_is_in_the_page() -> None:
    assert "now 14:00:23" in texts(html_of(small()))


def test_a_plan_without_tasks_has_no_tables() -> None:
    page = html_of(Situation())
    assert texts(page, "table") == []
    assert "Nothing runs, nothing waits." in texts(page, "p")


def test_draining_is_said() -> None:
    assert any("draining" in text for text in texts(html_of(Situation(draining=True)), "p"))


def test_the_page_forbids_whatever_it_does_not_need() -> None:
    assert "default-src 'none'" in as_html.render(Situation().view())


def test_it_is_bounded_and_says_how_many_more_there_are() -> None:
    text = as_html.render(many(20_000).view())
    assert len(text.encode()) < 1 << 20
    assert "tasks more</p>" in text


def test_it_is_deterministic() -> None:
    assert as_html.render(many(300).view()) == as_html.render(many(300).view())
