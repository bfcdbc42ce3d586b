# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same promises for input that hypothesis puts together from the words of each language.

For long: `pytest tests/fuzz/test_any_input.py --hypothesis-profile=long --timeout=0`.
"""

from __future__ import annotations

from typing import Final

from dbus_next import Message, Variant
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.contents import TABLES
from sd_taskpacker.model.resolving import fields_by_key
from sd_taskpacker.model.service_table import SETTINGS
from tests.fuzz import messages, names, parameters, unit_files

KEYS: Final = sorted({key for table in TABLES.values() for key in fields_by_key(table)} | set(SETTINGS))
SCRAPS: Final = st.sampled_from(
    "yes no 0 1 -1 7 1e999 0x10 65536 18446744073709551616 infinity 50% 1h 5min 384M tiny /bin/true /a/../b // :"
    " ${p} ${q} $$ $ {} \" ' \\ \\x41 \\x00 \\u00e9 \\xff [ ] [a-z]* (a|b)+ [[ ~ + - = ; # % %n %% @ root 10.0.0.0/8"
    " ::1 rw int float bool enum path string drop".split()
    + [" ", "\t", "\n", "\r\n", "\\\n", "\0", "\x1b[2J", "\ufeff", "\u2028", "é", "x" * 300]
)
TEXT: Final = st.lists(st.one_of(SCRAPS, st.text(max_size=4)), max_size=6).map("".join)
LINE: Final = st.one_of(
    st.builds("{}={}".format, st.sampled_from(KEYS), TEXT),
    st.sampled_from(["[Batch]", "[Unit]", "[Workorder]", "[Service]", "[Parameter]", "Exec=/bin/x ${p}", "Name=p"]),
    TEXT,
)
FILE: Final = st.lists(LINE, max_size=15).map("\n".join)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@given(FILE, st.one_of(st.none(), FILE), st.sampled_from(["", "[Batch]\nExec=/bin/true\n"]))
def test_unit_files(own: str, dropin: str | None, begin: str) -> None:
    unit_files.target(_bytes(begin + own + ("" if dropin is None else f"\n---\n{dropin}")))


DECLARED: Final = st.lists(
    st.builds(
        "{}={}".format,
        st.sampled_from("Type Values Default Minimum Maximum Pattern Secret Description".split()),
        st.one_of(TEXT, st.sampled_from("string int float bool enum path".split())),
    ),
    max_size=5,
)
NUMBER: Final = st.one_of(st.integers().map(str), st.floats().map(str), st.sampled_from("nan inf 1e5 01 -0".split()))
GIVEN: Final = st.lists(
    st.builds("{} {}".format, st.sampled_from(sorted(parameters.SIGNATURES)), st.one_of(TEXT, NUMBER)), max_size=4
)


@given(DECLARED, GIVEN)
def test_parameters(declared: list[str], given_: list[str]) -> None:
    parameters.target(_bytes("\n".join(declared) + parameters.VALUES + "\n".join(given_)))


NAME: Final = st.text(alphabet="aZ09_.+-/@:\\x2d5fé\0 ", max_size=40)


@given(st.one_of(NAME, TEXT, st.lists(SCRAPS, max_size=8).map(" ".join)))
def test_names(text: str) -> None:
    names.target(_bytes(text))


STRING: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
SIMPLE: Final = st.one_of(
    STRING.map(lambda text: Variant("s", text)),
    st.lists(STRING, max_size=3).map(lambda texts: Variant("as", texts)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda number: Variant("x", number)),
    st.integers(0, (1 << 64) - 1).map(lambda number: Variant("t", number)),
    st.floats().map(lambda number: Variant("d", number)),
    st.binary(max_size=5).map(lambda data: Variant("ay", data)),
    st.booleans().map(lambda flag: Variant("b", flag)),
)
VARIANT: Final = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(lambda one: Variant("v", one)),
        st.lists(inner, max_size=3).map(lambda several: Variant("av", several)),
        st.dictionaries(STRING, inner, max_size=3).map(lambda several: Variant("a{sv}", several)),
        st.tuples(STRING, inner).map(lambda pair: Variant("(sv)", list(pair))),
    ),
    max_leaves=6,
)
ARGUMENTS: Final = st.dictionaries(
    st.one_of(st.sampled_from("priority deadline size cpus expected version argv tag state root".split()), STRING),
    VARIANT,
    max_size=4,
)
BODY: Final = st.one_of(
    st.lists(st.tuples(STRING, ARGUMENTS, ARGUMENTS).map(list), max_size=3).map(lambda each: (b"r", [each])),
    ARGUMENTS.map(lambda each: (b"f", [each])),
    st.tuples(STRING, ARGUMENTS).map(lambda each: (b"p", list(each))),
)
SIGNATURES: Final = {b"r": messages.REQUESTS, b"f": "a{sv}", b"p": "sa{sv}"}


@given(BODY, st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=3))
def test_messages(body: tuple[bytes, list[object]], slips: list[tuple[int, int]]) -> None:
    """As sent, and with some bytes changed."""
    mode, values = body
    message = Message("a.b", "/p", "i.f", "M", signature=SIGNATURES[mode], body=values, serial=1)
    raw = bytearray(message._marshall())
    size = int.from_bytes(raw[4:8], "little")
    content = bytearray(raw[len(raw) - size :] if size else b"")
    for each in (raw, content):
        for place, byte in slips:
            if place < len(each):
                each[place] = byte
    messages.target(bytes(raw))
    messages.target(mode + bytes(content))
