# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.errors import InvalidArgs
from sd_taskpacker.model.args import MAX_AMOUNT, parse_args
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value


@pytest.mark.parametrize(("key", "good"), [("size", "4G"), ("deadline", "4h")])
def test_what_follows_a_hundred_characters_is_not_cut_off(key: str, good: str) -> None:
    padded = good + " " * (MAX_AMOUNT - len(good))
    parse_args({key: Value("s", padded)}, Kind.BATCH, 0)
    with pytest.raises(InvalidArgs, match=f"args key '{key}': .* has 107 characters; at most 100"):
        parse_args({key: Value("s", padded + "rubbish")}, Kind.BATCH, 0)


def test_an_unknown_key_is_shown_short_and_printable() -> None:
    with pytest.raises(InvalidArgs) as caught:
        parse_args({"\x1b[2J" + "k" * 900_000: Value("s", "")}, Kind.BATCH, 0)
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 100
