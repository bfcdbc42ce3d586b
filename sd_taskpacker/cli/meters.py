# SPDX-License-Identifier: LGPL-2.1-or-later
"""The budget as lines: a gauge each for memory and CPUs, from the service's properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sd_taskpacker.cli.canvas import Line, Span, Style, line
from sd_taskpacker.cli.gauge import gauge
from sd_taskpacker.drawing.words import memory

_WIDEST: Final = 60
_NARROWEST: Final = 6
_LABEL: Final = 7
_WORDS: Final = 22
"""Columns that `12.5G of 128G in use` takes, and a blank before it."""


def meters(figures: Mapping[str, Any], columns: int, *, unicode: bool) -> Iterator[Line]:
    """Nothing of what is not known yet."""
    wide = min(_WIDEST, max(_NARROWEST, columns - _LABEL - _WORDS))
    for label, total_key, free_key, spelled in (
        ("Memory", "ChunksTotal", "ChunksFree", memory),
        ("CPUs", "CPUsTotal", "CPUsFree", str),
    ):
        if total_key in figures and free_key in figures:
            total, free = int(figures[total_key]), int(figures[free_key])
            style = Style.NOTICE if not free else Style.GOOD
            bar = Span(gauge(total - free, total, wide, unicode=unicode), style)
            yield line(f"{label:<{_LABEL}}", bar, f" {spelled(total - free)} of {spelled(total)} in use")
