# SPDX-License-Identifier: LGPL-2.1-or-later
"""No test is timed: a busy machine is no reason to fail."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
