# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from sd_taskpacker.daemon import START_AGAIN_SECONDS, pause_before_exit


def test_who_fails_at_the_start_waits_before_the_next_try_and_who_ran_for_a_while_does_not() -> None:
    assert pause_before_exit(0.5) == START_AGAIN_SECONDS - 0.5
    assert pause_before_exit(3600) == 0
