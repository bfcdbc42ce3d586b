# SPDX-License-Identifier: LGPL-2.1-or-later
"""SD-TaskPacker: a scheduler on top of systemd."""

__version__ = "0.2.0"
