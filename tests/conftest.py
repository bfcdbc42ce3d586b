# SPDX-License-Identifier: LGPL-2.1-or-later
"""What no test is to depend on: how busy the machine is, and how pytest was started."""

from __future__ import annotations

import signal

from hypothesis import settings

# A busy machine is no reason to fail, and what is found in one run is found in all. What looks for more is profile
# `long`, and tests/fuzz/run.
settings.register_profile("untimed", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=20_000, database=None)
settings.load_profile("untimed")

# What a shell starts in the background ignores Ctrl-C, and so would the commands to which tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
