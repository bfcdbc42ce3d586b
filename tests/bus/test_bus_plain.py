# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from dbus_next.signature import Variant

from sd_taskpacker.bus.plain import plain


def test_plain_leaves_no_variant_at_any_depth() -> None:
    deep = Variant("a{sv}", {"a": Variant("av", [Variant("v", Variant("b", True))])})
    assert plain(deep) == {"a": [True]}
