# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.errors import InvalidParameters
from sd_taskpacker.model.command import MAX_ARGUMENT, parse_command, references, render
from sd_taskpacker.model.quoting import split_words, unescape
from sd_taskpacker.model.unit import Reference, Word

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("  a \t b  ", ("a", "b")),
        ("'a b' \"c d\"", ("a b", "c d")),
        ("a'b c'd", ("ab cd",)),
        ("\"\" ''", ("", "")),
        ("'a\"b' \"a'b\"", ('a"b', "a'b")),
        (r"\x41\101\u00e9\U0001F600", ("AA\u00e9\U0001f600",)),
        (r"\xc3\xa9", ("\u00e9",)),
        (r"a\sb \t '\n'", ("a b", "\t", "\n")),
        (r"\\ \" \' \;", ("\\", '"', "'", ";")),
        ("a\u00a0b", ("a\u00a0b",)),
    ],
)
def test_words_are_split_as_systemd_does(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'open", "never closed"),
        ('a "open', "never closed"),
        ("end\\", "at the very end"),
        (r"\q", "is no escape"),
        (r"\x4", "is no escape"),
        (r"\x00", "is NUL"),
        (r"\000", "is NUL"),
        (r"\777", "more than one byte"),
        (r"\ud800", "no Unicode character"),
        (r"\U00110000", "no Unicode character"),
        (r"\xff", "not UTF-8"),
    ],
)
def test_bad_quoting_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_words(text)


def test_without_escapes_a_backslash_protects_one_character() -> None:
    assert split_words(r"/a\ b /c\n", escapes=False) == ("/a b", "/cn")


def test_unescape_leaves_blanks_and_quotes() -> None:
    assert unescape(r'a "b\n" \\') == 'a "b\n" \\'


@given(TEXT)
def test_a_quoted_text_comes_back_whole(text: str) -> None:
    assert split_words('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"') == (text,)


@given(st.text(max_size=40))
def test_any_text_splits_or_raises_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(isinstance(word, str) for word in split_words(text))


def test_references_stay_inside_their_word() -> None:
    words = parse_command('/bin/x a${b}c "${d} ${e}" $$f $g $ $${h}')
    assert words == (
        Word(("/bin/x",)),
        Word(("a", Reference("b"), "c")),
        Word((Reference("d"), " ", Reference("e"))),
        Word(("$f",)),
        Word(("$g",)),
        Word(("$",)),
        Word(("${h}",)),
    )
    assert references(words) == ("b", "d", "e")


def test_percent_is_literal() -> None:
    assert render(parse_command("/bin/x %n %%"), {}) == ("/bin/x", "%n", "%%")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no program"),
        ("/bin/x ${a", "no closing }"),
        ("/bin/x ${a b}", "no closing }"),
        ('/bin/x "${a b}"', "no parameter's name"),
        ("/bin/x ${}", "no parameter's name"),
        ("bin/x", "absolute path"),
        ("/bin/../x", "without //"),
        ("//bin/x", "without //"),
        ("/bin/", "without //"),
        ("${a}", "cannot be a parameter"),
        ("/bin/${a}", "cannot be a parameter"),
        ("/bin/x ; /bin/y", "one command"),
        *((prefix + "/bin/x", "prefix") for prefix in "-@:+!|"),
    ],
)
def test_a_bad_command_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_command(text)


@pytest.mark.parametrize("semicolon", [r"\;", "';'", '";"', "a;"])
def test_a_semicolon_that_is_meant_is_passed_on(semicolon: str) -> None:
    assert render(parse_command(f"/bin/x {semicolon}"), {})[1] in (";", "a;")


def test_values_are_spelled_for_programs() -> None:
    words = parse_command("/bin/x ${yes} ${no} ${whole} ${real}")
    values = {"yes": True, "no": False, "whole": -3, "real": 0.1}
    assert render(words, values) == ("/bin/x", "true", "false", "-3", "0.1")


@given(TEXT, TEXT)
def test_no_value_changes_the_number_of_arguments(first: str, second: str) -> None:
    words = parse_command('/bin/x ${a} "--b=${b} ${a}" $$${b}')
    argv = render(words, {"a": first, "b": second})
    assert argv == ("/bin/x", first, f"--b={second} {first}", "$" + second)


def test_an_argument_longer_than_the_kernel_takes_is_refused() -> None:
    words = parse_command("/bin/x --a=${a}")
    longest = "x" * (MAX_ARGUMENT - 4)
    assert len(render(words, {"a": longest})[1]) == MAX_ARGUMENT
    with pytest.raises(InvalidParameters, match="a: argument 1"):
        render(words, {"a": longest + "x"})
