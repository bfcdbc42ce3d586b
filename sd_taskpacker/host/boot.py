# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which boot this is: what ran under another boot id is lost."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")


def boot_id(root: Path = ROOT) -> str:
    """The kernel's random id of this boot, 36 characters. Raises OSError when /proc is not mounted."""
    return (root / "proc/sys/kernel/random/boot_id").read_text("ascii").strip()
