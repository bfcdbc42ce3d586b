# SPDX-License-Identifier: LGPL-2.1-or-later
"""Decides and remembers: inputs become events and effects. Only `loop` knows asyncio."""
