# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from sd_taskpacker.manual.__main__ import main
from sd_taskpacker.manual.blocks import Heading, Item, Literal, Paragraph
from sd_taskpacker.manual.catalogue import catalogue
from sd_taskpacker.manual.roff import page, typeset
from sd_taskpacker.manual.template import read
from sd_taskpacker.model.notices import NOTICES, OOM_KILL

TEMPLATE = """.. a comment

NAME
====

Sub
---

One paragraph
of two lines, and then::

    a  literal

      text

term one
term two
    what they
    mean

.. table:: x

the end
"""


def test_a_template_becomes_blocks() -> None:
    assert read(TEMPLATE, {"table": lambda argument: [Paragraph(f"table of {argument}")]}) == [
        Heading("NAME"),
        Heading("Sub", 2),
        Paragraph("One paragraph of two lines, and then:"),
        Literal(("a  literal", "", "  text")),
        Item(("term one", "term two"), "what they mean"),
        Paragraph("table of x"),
        Paragraph("the end"),
    ]


def test_a_table_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="'tabel'; there are table"):
        read(".. tabel:: x", {"table": lambda argument: []})


@pytest.mark.parametrize(
    ("text", "typeset_text"),
    [
        ("Size= as in systemd.exec(5)", r"\fBSize=\fR as in \fBsystemd.exec\fR(5)"),
        ("``a -b``, `c` and **d**", r"\fBa \-b\fR, \fBc\fR and \fBd\fR"),
        (".dot \\n 'quoted' ~ ^ `", r"\&.dot \en \(aqquoted\(aq \(ti \(ha \(ga"),
        ("", ""),
    ],
)
def test_what_roff_would_take_for_its_own_is_escaped(text: str, typeset_text: str) -> None:
    assert typeset(text) == typeset_text


def test_items_within_items_are_indented_and_a_text_that_is_missing_is_no_fault() -> None:
    made = page("x", "5", [Item(("[a]",), ""), Item(("b", "c"), "text", depth=1)]).splitlines()
    assert made[4:] == [
        ".TP 4",
        r"\fB[a]\fR",
        r"\&",
        ".RS 4",
        ".TP 4",
        r"\fBb\fR",
        ".TQ",
        r"\fBc\fR",
        "text",
        ".RE",
    ]


def test_the_catalogue_has_an_entry_for_each_notice() -> None:
    text = catalogue(NOTICES)
    assert [line for line in text.splitlines() if line.startswith("-- ")] == [f"-- {one.id}" for one in NOTICES]
    assert f"-- {OOM_KILL.id}\nSubject: {OOM_KILL.subject}\nDefined-By: sd-taskpacker\n" in text
    assert max(map(len, text.splitlines())) <= 100


def test_everything_goes_below_the_directory_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "one.7.rst").write_text("NAME\n====\n\none - a page\n", "utf-8")
    assert main([str(tmp_path), str(tmp_path / "out")]) == 0
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("out/**/*") if path.is_file()) == [
        "out/man/one.7",
        "out/sd-taskpacker.catalog",
    ]


def test_without_arguments_it_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "TEMPLATES DIRECTORY" in capsys.readouterr().err
