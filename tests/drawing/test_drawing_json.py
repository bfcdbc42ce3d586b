# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json

from sd_taskpacker.drawing import as_json
from sd_taskpacker.model.unit import Kind
from tests.drawing.situations import HOSTILE, NOW, Situation, at, hostile, many


def test_all_keys_are_there() -> None:
    s = Situation(chunks=8, cpus=2).task("a", start=-9, end=60, kind=Kind.WORKORDER, chunks=10, overdue=True)
    s.task("b", start=60, end=90, latest=70, deadline=80, priority=7).without_place("c", "too large")
    assert json.loads(as_json.render(s.view())) == {
        "format": 1,
        "now": NOW,
        "draining": False,
        "budget": {"chunks": 8, "cpus": 2},
        "used": {"chunks": 10, "cpus": 1},
        "free": {"chunks": 0, "cpus": 1},
        "chunk_bytes": 33554432,
        "tasks": [
            {
                "id": "a",
                "label": "a",
                "kind": "workorder",
                "state": "running",
                "start": at(-9),
                "end": at(60),
                "latest": None,
                "deadline": None,
                "chunks": 10,
                "cpus": 1,
                "priority": 100,
                "overdue": True,
                "late": False,
            },
            {
                "id": "b",
                "label": "b",
                "kind": "batch",
                "state": "waiting",
                "start": at(60),
                "end": at(90),
                "latest": at(70),
                "deadline": at(80),
                "chunks": 4,
                "cpus": 1,
                "priority": 7,
                "overdue": False,
                "late": True,
            },
        ],
        "unplaced": [{"id": "c", "label": "c", "reasons": ["too large"]}],
    }


def test_nothing_is_left_out_or_changed() -> None:
    text = as_json.render(hostile().view())
    assert text.isascii()
    assert {one["label"] for one in json.loads(text)["unplaced"]} == set(HOSTILE)
    assert len(json.loads(as_json.render(many(5_000).view()))["tasks"]) == 5_000


def test_the_order_of_the_bars_does_not_matter() -> None:
    s = many(100)
    first = as_json.render(s.view())
    s.bars.reverse()
    assert as_json.render(s.view()) == first
