# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import re
import time

import pytest

from sd_taskpacker.model.pattern import MAX_MATCHED, check_backtracking


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(?:[a-z]+-?)*",
        "(x*)*",
        "(a|aa)*b",
        "(?i)(?:ab|Aba)*c",
        "a*a*a*a*b",
        "a{0,64}a{0,64}a{0,64}a{0,64}a{0,64}b",
        "(a?){50}a{50}",
        "(?:a*a*)*+b",
        "(?=(a+)+b)a",
        "(a)?(?(1)(b+)+|c)",
    ],
)
def test_a_pattern_that_can_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="too many ways"):
        check_backtracking(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "[a-z][a-z0-9_]*",
        "v?[0-9]+\\.[0-9]+(\\.[0-9]+)?",
        "[0-9]{1,3}(\\.[0-9]{1,3}){3}",
        "(?:main|next|stable)-[0-9]+",
        "(?:foo|bar)*",
        "[a-z]++(?:-[a-z]++)*",
        "/(?:[^/]++/)*[^/]++",
        "(?>a?)b",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{5,8})?Z?",
    ],
)
def test_what_people_write_is_taken(pattern: str) -> None:
    check_backtracking(pattern)


@pytest.mark.parametrize("pattern", ["[a-z]*[a-z0-9]*[a-z0-9_]*x", ".*.*.*x", ".*?.*?.*?x", "(?:a?){24}b"])
def test_the_worst_that_is_taken_ends_soon(pattern: str) -> None:
    check_backtracking(pattern)
    began = time.process_time()
    assert re.fullmatch(pattern, "a" * MAX_MATCHED) is None
    assert time.process_time() - began < 5
