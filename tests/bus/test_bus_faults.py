# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from dbus_next import DBusError

from sd_taskpacker.bus.faults import replies
from sd_taskpacker.errors import NoSuchTask


async def test_our_errors_keep_their_name_and_others_become_internal(caplog: pytest.LogCaptureFixture) -> None:
    @replies
    async def refuse() -> None:
        raise NoSuchTask("there is no task a@1", hint="see taskpackerctl list")

    @replies
    async def break_down() -> None:
        raise ZeroDivisionError("secret")

    with pytest.raises(DBusError, match=r"^there is no task a@1\nHint: see taskpackerctl list$") as named:
        await refuse()
    assert named.value.type == "org.sdtaskpacker1.Error.NoSuchTask"
    with pytest.raises(DBusError, match="journal") as hidden:
        await break_down()
    assert hidden.value.type == "org.sdtaskpacker1.Error.Internal"
    assert "secret" in caplog.text
