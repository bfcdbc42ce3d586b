# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values: names, quantities, unit syntax, validated units, tasks. No I/O, no clock, no logging."""
