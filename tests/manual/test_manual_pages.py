# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages say all that there is: whatever is added to a table, a parser or an interface has to be in them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from dbus_next import Variant
from pydantic import BaseModel

from sd_taskpacker.bus.service import ManagerInterface
from sd_taskpacker.bus.task_objects import PROPERTIES
from sd_taskpacker.bus.wire import TASK_SIGNATURES, filter_from
from sd_taskpacker.bus.wire_queue import CHANGE_KEYS
from sd_taskpacker.cli import main, story, until
from sd_taskpacker.cli.arguments import VERBS, outer_parser, verb_parser
from sd_taskpacker.cli.statuses import EXIT_STATUSES
from sd_taskpacker.errors import InvalidArgs, TaskpackerError
from sd_taskpacker.manual.__main__ import pages
from sd_taskpacker.manual.blocks import Item
from sd_taskpacker.manual.bus_tables import manager
from sd_taskpacker.manual.roff import escape
from sd_taskpacker.manual.tables import unit_keys
from sd_taskpacker.manual.words import FILTERS, REQUEST_ARGS, RESULTS, TASK_KEYS
from sd_taskpacker.model.args import parse_args
from sd_taskpacker.model.config import Config
from sd_taskpacker.model.notices import FIELDS, NOTICES
from sd_taskpacker.model.sections import BatchSection, ParameterSection, UnitSection, WorkorderSection
from sd_taskpacker.model.service_refused import refusals
from sd_taskpacker.model.service_table import SETTINGS
from sd_taskpacker.model.task import Result
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.model.values import Value

TEMPLATES = Path(__file__).parents[2] / "packaging/man"
PAGES = ("org.sdtaskpacker1.5", "sd-taskpacker.8", "sd-taskpacker.unit.5", "taskpacker.toml.5", "taskpackerctl.1")


@cache
def made() -> dict[str, str]:
    return pages(TEMPLATES)


def missing(page: str, *wanted: str) -> list[str]:
    """What does not stand there as a word of its own."""
    text = re.sub(r"\\f[BR]", " ", made()[page])
    return [word for word in wanted if not re.search(rf"(?<![\w=]){re.escape(escape(word))}(?![\w])", text)]


def test_every_page_is_made() -> None:
    assert sorted(made()) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_groff_has_nothing_to_complain_of(page: str) -> None:
    done = subprocess.run(
        ["groff", "-ww", "-K", "utf8", "-T", "utf8", "-man"],
        input=made()[page],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SEE ALSO" in re.sub(r"\x1b\[\d*m|.\x08", "", done.stdout)


@pytest.mark.parametrize("table", [UnitSection, WorkorderSection, BatchSection, ParameterSection])
def test_every_key_of_a_unit_has_an_entry_of_its_own_with_a_text(table: type[BaseModel]) -> None:
    for field in table.model_fields.values():
        assert f"\\fB{field.alias}=\\fR\n{escape(field.description or '?')[:8]}" in made()["sd-taskpacker.unit.5"]


def test_every_setting_of_a_service_is_named_as_taken_or_refused() -> None:
    keys = [*SETTINGS, *refusals(Kind.BATCH), *refusals(Kind.WORKORDER)]
    assert missing("sd-taskpacker.unit.5", *(f"{key}=" for key in keys)) == []


def test_keys_that_a_batch_shares_with_a_workorder_are_told_once() -> None:
    own = {term for item in unit_keys("Batch") if isinstance(item, Item) for term in item.terms}
    shared = {term for item in unit_keys("Workorder") if isinstance(item, Item) for term in item.terms}
    assert ("Priority=" in own, "Exec=" in shared, own & shared) == (True, True, set())


def test_every_setting_of_the_service_is_told_with_its_default() -> None:
    for name, section in Config.model_fields.items():
        assert missing("taskpacker.toml.5", f"[{name}]") == []
        for key, field in type(section.default).model_fields.items():
            assert field.description
            assert missing("taskpacker.toml.5", key, field.description.split()[0]) == []


def test_the_page_says_of_the_group_what_the_shipped_file_says() -> None:
    shipped = (TEMPLATES.parent / "taskpacker.toml").read_text(encoding="utf-8").replace("\n# ", " ")
    description = type(Config().access).model_fields["group"].description
    assert description
    assert description in shipped


def test_a_deadline_is_about_the_end_wherever_it_is_told() -> None:
    told = [
        BatchSection.model_fields["deadline_usec"].description,
        TASK_KEYS["deadline"],
        REQUEST_ARGS["deadline"][1],
    ]
    told.append(verb_parser("submit").format_help())
    assert [" ".join((text or "").split()).count("has to have ended, as far as its") for text in told] == [1] * 4


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_told(verb: str) -> None:
    options = [name for action in verb_parser(verb)._actions for name in action.option_strings]
    assert missing("taskpackerctl.1", f"{verb} {VERBS[verb].operands}".strip(), *options) == []


def test_every_option_of_all_verbs_is_told() -> None:
    names = [name for action in outer_parser()._actions for name in action.option_strings]
    assert missing("taskpackerctl.1", *names) == []


def test_every_exit_status_is_told() -> None:
    classes = [cls.exit_status for cls in TaskpackerError.__subclasses__()]
    others = [main.FAILED, main.INTERRUPTED, main.UNREAD, story.NOT_RUNNING, until.TIMED_OUT]
    assert {*classes, *others} <= EXIT_STATUSES.keys()
    assert missing("taskpackerctl.1", *map(str, EXIT_STATUSES)) == []


def _members() -> Iterator[str]:
    found = manager()
    yield from (each.name for each in found.methods)
    yield from (each.name for each in found.signals)
    yield from (each.name for each in found.properties)


@pytest.mark.parametrize("member", sorted(_members()))
def test_every_member_is_told_with_what_it_means(member: str) -> None:
    assert getattr(ManagerInterface, member).__doc__
    assert missing("org.sdtaskpacker1.5", member) == []


def test_every_property_of_a_task_and_every_error_is_told() -> None:
    errors = [cls.bus_name() for cls in TaskpackerError.__subclasses__()]
    assert missing("org.sdtaskpacker1.5", *PROPERTIES, *errors, *CHANGE_KEYS) == []
    assert all(cls.__doc__ != TaskpackerError.__doc__ and cls.__doc__ for cls in TaskpackerError.__subclasses__())


def test_the_words_are_about_the_keys_that_there_are() -> None:
    assert TASK_KEYS.keys() == TASK_SIGNATURES.keys()
    assert RESULTS.keys() == {*Result}
    with pytest.raises(InvalidArgs) as args:
        parse_args({"?": Value("s", "")}, Kind.BATCH, 0)
    assert args.value.hint == f"a batch takes {', '.join(REQUEST_ARGS)}"
    with pytest.raises(InvalidArgs) as filters:
        filter_from({"?": Variant("s", "")})
    assert filters.value.hint == f"use {', '.join(FILTERS)}"
    wanted = [*TASK_KEYS, *REQUEST_ARGS, *FILTERS]
    assert missing("org.sdtaskpacker1.5", *wanted) == []


def test_every_result_field_and_message_id_is_told() -> None:
    assert missing("sd-taskpacker.8", *RESULTS, *(f"{field}=" for field in FIELDS)) == []
    assert missing("sd-taskpacker.8", *(f"{notice.id} ({notice.name})" for notice in NOTICES)) == []
    assert "@" not in made()["sd-taskpacker.8"].partition("JOURNAL")[2].replace("NAME@VERSION", "")
