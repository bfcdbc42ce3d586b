# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.bus.text import bus_text


def test_what_dbus_daemon_disconnects_for_is_spelled_out() -> None:
    assert bus_text("a\0b\udc80") == "a\\x00b\\udc80"


@given(st.text())
def test_any_text_becomes_utf8_without_nul(text: str) -> None:
    assert b"\0" not in bus_text(text).encode()
