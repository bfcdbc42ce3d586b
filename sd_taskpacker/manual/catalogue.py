# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal's catalogue: what `journalctl -x` adds to an entry of ours (docs/CATALOG in systemd's sources)."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import Final

from sd_taskpacker.model.notices import Notice

_WIDTH: Final = 76
"""journalctl sets a mark before each line."""


def catalogue(notices: Iterable[Notice]) -> str:
    return "\n".join(["# SPDX-License-Identifier: LGPL-2.1-or-later", "", *map(_entry, notices)])


def _entry(notice: Notice) -> str:
    return f"""-- {notice.id}
Subject: {notice.subject}
Defined-By: sd-taskpacker
Documentation: man:sd-taskpacker(8)

{fill(notice.text, _WIDTH, break_long_words=False, break_on_hyphens=False)}
"""
