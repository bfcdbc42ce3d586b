# SPDX-License-Identifier: LGPL-2.1-or-later
"""taskpackerctl. Talks only to the bus; starts fast."""
