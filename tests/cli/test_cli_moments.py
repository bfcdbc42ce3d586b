# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sd_taskpacker.cli.moments import parse_moment

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_795_258_385 * SECOND
"""Sat 2026-11-21 10:53:05 UTC, which is 11:53:05 in Berlin."""


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "usec"),
    [
        ("now", NOW),
        ("-1h", NOW - HOUR),
        ("1h", NOW - HOUR),
        ("1h 30min ago", NOW - HOUR * 3 // 2),
        ("+2h", NOW + 2 * HOUR),
        ("@1795258385", NOW),
        ("2026-11-21 11:53:05", NOW),
        ("2026-11-21 10:53:05 UTC", NOW),
        ("Sat 2026-11-21 10:53:05 UTC", NOW),
        ("2026-11-21 11:53", NOW - 5 * SECOND),
        ("11:53:05", NOW),
        ("today", 1_795_215_600 * SECOND),
        ("2026-11-21", 1_795_215_600 * SECOND),
        ("yesterday", 1_795_129_200 * SECOND),
        ("tomorrow", 1_795_302_000 * SECOND),
        ("99y", 0),
    ],
)
def test_a_moment_is_spelled_as_systemd_does_and_is_local(text: str, usec: int) -> None:
    assert parse_moment(text, NOW) == usec


@pytest.mark.parametrize(
    "text", ["", "soon", "@", "@x", "@99999999999999", "2026-13-01", "25:00", "1 parsec", "--1h"]
)
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a moment; write for example"):
        parse_moment(text, NOW)
