# SPDX-License-Identifier: LGPL-2.1-or-later
"""The planner: a snapshot in, a plan out. No I/O, no clock, no logging."""
