# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus: the only layer that imports the D-Bus library."""
