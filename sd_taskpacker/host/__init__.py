# SPDX-License-Identifier: LGPL-2.1-or-later
"""This machine: cgroups, unit directories, the store, work directories. Blocking calls."""
