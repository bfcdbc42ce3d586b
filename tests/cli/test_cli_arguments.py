# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.cli.arguments import VERBS, parse
from sd_taskpacker.cli.submit import request
from sd_taskpacker.cli.verbs import FUNCTIONS
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.values import Value


def test_options_may_stand_anywhere() -> None:
    everywhere = ["submit", "--wait", "massif", "--json=short", "target=/a", "-q", "depth=3"]
    for arguments in (["--user", *everywhere], [*everywhere, "--user"]):
        options = parse(arguments)
        assert (options.unit, options.params) == ("massif", [("target", "/a"), ("depth", "3")])
        assert (options.user, options.json, options.quiet, options.wait) == (True, "short", True, True)


def test_an_option_before_the_verb_is_not_undone_by_the_verb() -> None:
    options = parse(["--user", "--json=pretty", "--no-legend", "-q", "list"])
    assert (options.user, options.json, options.no_legend, options.quiet) == (True, "pretty", True, True)


@pytest.mark.parametrize("before", [[], ["--user", "-q"], ["--json", "short"], ["--no-pager", "-n", "3"]])
def test_without_a_verb_it_is_status(before: list[str]) -> None:
    options, whole = parse(before), parse([*before, "status"])
    assert vars(options) == vars(whole)
    assert (options.verb, options.id) == ("status", None)


def test_options_that_change_nothing_are_taken_where_people_write_them() -> None:
    assert request(parse(["submit", "--now", "massif", "--no-pager"])) == Request("massif", {}, {})
    assert parse(["--no-pager", "list"]).no_pager


def test_json_may_stand_alone_after_the_verb() -> None:
    assert (parse(["plan", "--json"]).json, parse(["list", "--json", "-q"]).json) == ("short", "short")
    assert parse(["plan", "--json=pretty"]).json == "pretty"


def test_properties_are_named_in_any_case_and_checked_as_the_options_are() -> None:
    options = parse(["set-property", "massif@1", "Priority=7", "--user", "deadline=10min", "size=384M"])
    assert options.id == "massif@1"
    assert options.properties == [("priority", 7), ("deadline", "10min"), ("size", "384M")]


def test_since_takes_a_span_that_looks_like_an_option() -> None:
    assert parse(["list", "--since", "-1h", "-q"]).since == "-1h"
    assert parse(["list", "--since=-1h"]).since == "-1h"


def test_an_empty_deadline_takes_it_away() -> None:
    assert parse(["set-property", "massif@1", "deadline="]).properties == [("deadline", "")]


def test_a_unit_is_left_out_only_where_a_file_may_name_it() -> None:
    assert parse(["submit", "--from-json", "-"]).unit is None
    assert parse(["submit", "massif", "--each-line=jobs", "x=1"]).params == [("x", "1")]


def test_without_options_it_is_the_system_instance_and_no_json() -> None:
    options = parse(["list"])
    assert (options.user, options.json, options.no_legend, options.quiet) == (False, "off", False, False)


def test_what_is_asked_of_the_scheduler_has_the_types_of_the_contract() -> None:
    line = "--priority=7 --deadline=10min --size=384M --cpus=2 --expected=1min --task-version=v1 --tag=t"
    made = request(parse(["submit", "massif", *line.split(), "--arg=-x", "--arg", "a b"]))
    assert made == Request(
        "massif",
        {
            "priority": Value("u", 7),
            "deadline": Value("s", "10min"),
            "size": Value("s", "384M"),
            "cpus": Value("u", 2),
            "expected": Value("t", 60_000_000),
            "version": Value("s", "v1"),
            "tag": Value("s", "t"),
            "argv": Value("as", ["-x", "a b"]),
        },
        {},
    )


def test_a_repeated_parameter_fans_out_and_a_value_may_hold_anything() -> None:
    made = request(parse(["submit", "massif", "target=a", "other==x=y", "target=", "third=-1"]))
    assert made.args == {}
    assert made.params == {"target": Value("as", ["a", ""]), "other": Value("s", "=x=y"), "third": Value("s", "-1")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "-n", "few"], "'few' is not a number"),
        (["-n"], "argument -n"),
        (["frob"], "there is no verb 'frob'"),
        (["submit"], "UNIT"),
        (["submit", "--each-line=jobs"], "a UNIT is missing"),
        (["submit", "--each-line=jobs", "--from-json=jobs"], "not allowed with"),
        (["list", "--since=soon"], "'soon' is not a moment"),
        (["wait", "a@1", "--timeout=soon"], "'soon' is not a time span"),
        (["set-property", "a@1", "deadline=soon"], "'soon' is not a time span"),
        (["stats"], "NAME"),
        (["submit", "a", "b"], "'b' is not a parameter; write NAME=VALUE"),
        (["submit", "a", "--size=huge"], "'huge' is not a size"),
        (["submit", "a", "--deadline=soon"], "'soon' is not a time span"),
        (["submit", "a", "--priority=4294967296"], "is not a number from 0 to 4294967295"),
        (["submit", "a", "--cpus=-1"], "is not a number"),
        (["submit", "a", "x=\udcff"], r"'x=\udcff' is not valid UTF-8"),
        (["list", "--state=asleep"], "asleep"),
        (["submit", "a", "--wait", "--dry-run"], "not allowed with"),
        (["start", "a", "--dry-run"], "--dry-run"),
        (["plan", "--html", "--svg"], "not allowed with"),
        (["plan", "--svg", "--json"], "argument --json: not allowed with argument --svg"),
        (["cancel"], "ID"),
        (["set-property", "a@1"], "NAME=VALUE"),
        (["set-property", "a@1", "colour=red"], "write priority=, deadline=, size="),
        (["set-property", "a@1", "priority=high"], "'high' is not a number"),
        (["set-property", "a@1", "size=huge"], "'huge' is not a size"),
        (["list", "--stat=failed"], "--stat"),
        (["--user", "list", "--system", "--user"], "not allowed with"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="^2$"):
        parse(arguments)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help_and_a_function(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="^0$"):
        parse([verb, "--help"])
    assert VERBS[verb].summary in capsys.readouterr().out
    assert (verb in FUNCTIONS) is (verb != "verify")
