# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plan for people: one view, four renderers (JSON, text, SVG, HTML). No I/O, no clock."""
