# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user's base directories, as the XDG base directory specification has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def base(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    """What is not an absolute path is ignored, as the specification asks: the empty text, too."""
    given = environ.get(variable, "")
    return Path(given) if given.startswith("/") else default
