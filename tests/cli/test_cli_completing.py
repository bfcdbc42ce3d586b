# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.cli.arguments import VERBS, verb_parser
from sd_taskpacker.cli.completing import PROPERTIES, Live, Wanted, wanted
from sd_taskpacker.cli.operands import scheduling


def offered(*words: str) -> list[str]:
    return [each.text for each in wanted(words).fixed]


def asked(*words: str) -> tuple[Live | None, tuple[str, ...]]:
    found = wanted(words)
    return found.live, found.states


def test_the_first_word_is_a_verb() -> None:
    assert offered("") == list(VERBS)
    assert offered("-q", "--user", "can") == ["cancel"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_every_verb_is_offered(verb: str) -> None:
    for action in verb_parser(verb)._actions:
        for name in action.option_strings:
            if name.startswith("--"):
                assert name in offered(verb, name)


def test_a_verb_that_is_none_offers_nothing() -> None:
    assert wanted(["frobnicate", ""]) == Wanted(current="")


def test_an_option_that_has_short_and_long_name_is_offered_once() -> None:
    assert {"--signal", "-s"} & {*offered("kill", "-")} == {"--signal"}
    assert "-n" in offered("kill", "-")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("list", "--state", "w"), ["waiting"]),
        (("list", "--state=w"), ["--state=waiting"]),
        (("submit", "massif", "--size", "t"), ["tiny"]),
        (("kill", "massif@1", "-s", "SIGTE"), ["SIGTERM"]),
        (("list", "--json="), ["--json=short", "--json=pretty", "--json=off"]),
        (("submit", "massif", "--tag", ""), []),
        (("set-property", "massif@1", ""), list(PROPERTIES)),
        (("set-property", "massif@1", "size=l"), ["size=large"]),
    ],
)
def test_values_that_are_known_without_asking(words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(*words) == expected


def test_what_is_offered_to_set_property_is_what_it_takes() -> None:
    values = {"priority=": "1", "deadline=": "1h", "size=": "tiny"}
    assert [scheduling(name + values[name])[0] for name in PROPERTIES] == [name[:-1] for name in PROPERTIES]


@pytest.mark.parametrize(
    ("words", "live"),
    [
        (("submit", ""), Live.BATCHES),
        (("start", ""), Live.WORKORDERS),
        (("submit", "--tag", "mine", ""), Live.BATCHES),
        (("submit", "massif", ""), Live.PARAMETERS),
        (("submit", "massif", "target=x", "tar"), Live.PARAMETERS),
        (("submit", "--", "massif", "--tar"), Live.PARAMETERS),
        (("decommission", ""), Live.ROOTS),
        (("recommission", ""), Live.DECOMMISSIONED),
        (("cat", "massif", ""), Live.UNITS),
        (("stats", ""), Live.NAMES),
        (("submit", "--from-json", ""), Live.FILES),
        (("list", "--root", ""), Live.ROOTS),
        (("verify", "one.batch", ""), Live.FILES),
        (("list", ""), None),
        (("kill", "massif@1", ""), None),
    ],
)
def test_what_the_service_is_asked_for(words: tuple[str, ...], live: Live | None) -> None:
    assert asked(*words)[0] is live


@pytest.mark.parametrize(
    ("verb", "states"),
    [("cancel", ("waiting",)), ("why", ("waiting",)), ("kill", ("running",)), ("status", ())],
)
def test_a_verb_is_offered_the_tasks_it_can_do_something_about(verb: str, states: tuple[str, ...]) -> None:
    assert asked(verb, "") == (Live.TASKS, states)


def test_an_id_that_is_given_does_not_end_a_list_of_ids() -> None:
    assert asked("cancel", "massif@1", "massif@2", "")[0] is Live.TASKS


def test_parameters_are_those_of_the_unit_that_is_named() -> None:
    found = wanted(["--user", "start", "-q", "build", "target="])
    assert (found.unit, found.workorder, found.user, found.current) == ("build", True, True, "target=")
