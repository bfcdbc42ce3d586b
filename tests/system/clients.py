# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that go on submitting and cancelling whatever becomes of the daemon, each in a thread of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.system.accounts import Accounts

CLIENTS = 2
UNITS = ("good", "bad", "dies", "again", "one")
MOST_WAITING = 40


@contextmanager
def submitting(accounts: Accounts, seed: int) -> Iterator[None]:
    """From several clients at once, until the end of the block."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_submit, args=(accounts, random.Random(f"{seed}-{number}"), over))
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _submit(accounts: Accounts, chance: random.Random, over: threading.Event) -> None:
    while not over.is_set():
        some = chance.choices(UNITS, k=chance.randint(1, 4))
        ids = accounts.queue(*some) if chance.random() < 0.7 else accounts.submit(*some)
        if ids and chance.random() < 0.3:
            accounts.cancel(chance.choice(ids)[0])
        # As fast as the machine is, or nothing would ever end between two kills.
        over.wait(0.2 if accounts.waiting() < MOST_WAITING else 1)
