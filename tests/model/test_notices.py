# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import re

import pytest

from sd_taskpacker.model import notices
from sd_taskpacker.model.notices import FIELDS, NOTICES, Notice, end_of, entry_fields
from sd_taskpacker.model.task import Result
from tests.engine.builders import ended, task


def test_no_two_notices_share_a_name_or_an_id() -> None:
    assert len({one.name for one in NOTICES}) == len({one.id for one in NOTICES}) == len(NOTICES)
    assert set(NOTICES) == {each for each in vars(notices).values() if isinstance(each, Notice)}


@pytest.mark.parametrize("notice", NOTICES, ids=lambda one: one.name)
def test_an_id_is_128_bits_and_the_catalogue_uses_documented_fields(notice: Notice) -> None:
    assert re.fullmatch("[0-9a-f]{32}", notice.id)
    assert set(re.findall("@([A-Z_]+)@", notice.subject + notice.text)) <= FIELDS.keys()
    assert "\n" not in notice.subject


@pytest.mark.parametrize("result", list(Result))
def test_every_end_has_a_notice_and_every_field_is_documented(result: Result) -> None:
    entry = notices.Entry(notice=end_of(result), text="", task=ended(task(), result))
    assert entry_fields(entry).keys() <= FIELDS.keys()
    assert (end_of(result) is notices.COMPLETE) is (result is Result.SUCCESS)
