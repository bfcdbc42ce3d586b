# SPDX-License-Identifier: LGPL-2.1-or-later
"""When Python looks for garbage in cycles. It stops every thread for that, for 0.1 s and longer where 20,000 tasks
wait, and a plan of them would cause one or two such looks.

What lives long here, tasks above all, has no cycles. So only the young objects are looked at as usual, and all of
them when nobody could be kept waiting; or, should that moment never come, after very much has happened.
"""

from __future__ import annotations

import gc
from typing import Final

SOME: Final = 1_000
VERY_MANY: Final = 1_000_000


class Garbage:
    """Counts what happened since the last look at everything."""

    def __init__(self) -> None:
        self._happened = 0

    def tame(self) -> None:
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, 1 << 30)

    def note(self, events: int, *, idle: bool) -> None:
        """So many more happened. `idle`: nothing waits and nothing runs now."""
        self._happened += events
        if self._happened >= (SOME if idle else VERY_MANY):
            self._happened = 0
            gc.collect()
