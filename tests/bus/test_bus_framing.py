# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of a message that nobody has decoded."""

from __future__ import annotations

import pytest
from dbus_next import Message

from sd_taskpacker.bus.framing import MAX_BODY, Frame, Framer, TooLarge
from tests.bus.private_bus import a_call, with_sender, with_unknown_header_field


@pytest.mark.parametrize("sender", [":1.1", ":1.4294967295", ""])
def test_the_sender_is_found_without_decoding(sender: str) -> None:
    frame = a_call(sender, "text")
    assert frame.sender == sender
    assert frame.wants_answer
    assert not a_call(sender, silent=True).wants_answer


def test_a_field_that_nobody_knows_hides_no_sender() -> None:
    raw = bytes(Message("a.b", "/a", "a.b", "Do", serial=7)._marshall())
    assert Frame(with_sender(with_unknown_header_field(raw), ":1.7")).sender == ":1.7"
    assert Frame(with_unknown_header_field(with_sender(raw, ":1.7"))).sender == ":1.7"


def test_how_much_of_a_message_is_missing_is_known_from_its_beginning() -> None:
    framer, raw = Framer(), a_call(":1.7", "x" * 100_000).raw
    assert framer.missing == 0
    assert list(framer.feed(raw[:50_000])) == []
    assert framer.missing == len(raw) - 50_000
    assert list(framer.feed(raw[50_000:])) == [Frame(raw)]
    assert framer.missing == 0


def test_what_is_too_large_is_missing_until_all_of_it_was_passed_over() -> None:
    framer, raw = Framer(), a_call(":1.7", "x" * (MAX_BODY + 1)).raw
    (refused,) = framer.feed(raw[:50_000])
    assert isinstance(refused, TooLarge)
    assert list(framer.feed(raw[50_000:-10])) == []
    assert framer.missing == 10
