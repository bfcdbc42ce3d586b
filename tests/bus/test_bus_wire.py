# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from dbus_next import Message, Variant
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.bus import wire, wire_queue, wire_units
from sd_taskpacker.bus.encoding import a_variant
from sd_taskpacker.bus.framing import decode
from sd_taskpacker.engine.manager import Answer
from sd_taskpacker.engine.ports import TaskFilter
from sd_taskpacker.errors import InvalidArgs, TaskpackerError
from sd_taskpacker.model.task import TaskState, describe
from sd_taskpacker.model.unit import Catalogue, Kind
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task, an_outcome


def travelled(variant: Variant) -> Variant:
    """The variant as a peer decodes it."""
    message = Message.new_signal("/p", "i.f", "M", "v", [variant])
    message.serial = 1
    decoded: Variant = decode(bytes(message._marshall())).body[0]
    return decoded


def test_request_keeps_the_signature_of_each_value() -> None:
    [request] = wire.requests_from([["massif", {"priority": Variant("u", 7)}, {"names": Variant("as", ["a", "b"])}]])
    assert request.unit == "massif"
    assert request.args == {"priority": Value("u", 7)}
    assert request.params == {"names": Value("as", ["a", "b"])}


def test_nested_variants_become_plain_data() -> None:
    inner = Variant("a{sv}", {"k": Variant("v", Variant("ay", b"\1\2"))})
    [request] = wire.requests_from([["u", {}, {"p": Variant("av", [inner])}]])
    assert request.params["p"] == Value("av", [{"k": [1, 2]}])


def test_nesting_has_an_end_and_the_error_says_where() -> None:
    variant = Variant("s", "deep")
    for _ in range(wire.MAX_NESTING + 1):
        variant = Variant("v", variant)
    with pytest.raises(InvalidArgs, match=r"request 2 \('b'\), params, key 'p': .* nested"):
        wire.requests_from([["a", {}, {}], ["b", {}, {"p": variant}]])


def test_an_entry_without_its_dictionary_is_refused() -> None:
    with pytest.raises(InvalidArgs, match="args, key 'tag': an entry of a dictionary"):
        wire.requests_from([["a", {"tag": a_variant("({sv})", [("x", Variant("s", "y"))])}, {}]])


@pytest.mark.parametrize("variant", [Variant("h", 0), Variant("v", Variant("ah", [0]))])
def test_file_descriptor_is_refused(variant: Variant) -> None:
    with pytest.raises(InvalidArgs, match="args, key 'tag': a file descriptor"):
        wire.requests_from([["a", {"tag": variant}, {}]])


HOSTILE = "\x1b[2J" + "k" * 900_000


@pytest.mark.parametrize(
    "decode_it",
    [
        lambda: wire.requests_from([["a", {HOSTILE: Variant("h", 0)}, {}]]),
        lambda: wire.requests_from([[HOSTILE, {}, {"p": Variant("h", 0)}]]),
        lambda: wire.filter_from({HOSTILE: Variant("s", "")}),
        lambda: wire.filter_from({"state": Variant("s", HOSTILE)}),
        lambda: wire.filter_from({"kind": Variant("s", HOSTILE)}),
        lambda: wire.filter_from({"since": Variant("(" + "s" * 250 + ")", [""] * 250)}),
        lambda: wire_units.problems_to_wire(Catalogue(), HOSTILE),
        lambda: wire_queue.format_from(HOSTILE),
    ],
)
def test_text_of_a_caller_is_shown_short_and_printable(decode_it: Callable[[], object]) -> None:
    with pytest.raises(TaskpackerError) as caught:
        decode_it()
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


SCALARS = {
    "y": st.integers(0, 255),
    "b": st.booleans(),
    "n": st.integers(-(1 << 15), (1 << 15) - 1),
    "u": st.integers(0, (1 << 32) - 1),
    "x": st.integers(-(1 << 63), (1 << 63) - 1),
    "t": st.integers(0, (1 << 64) - 1),
    "d": st.floats(allow_nan=False),
    "s": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
}
TYPED = st.sampled_from(sorted(SCALARS)).flatmap(lambda token: st.tuples(st.just(token), SCALARS[token]))
PLAIN = st.recursive(
    st.one_of(SCALARS["b"], SCALARS["x"], SCALARS["d"], SCALARS["s"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS["s"], inner, max_size=3),
    max_leaves=8,
)


@given(TYPED, st.integers(0, 3))
def test_params_are_given_back_as_submitted(typed: tuple[str, object], dimensions: int) -> None:
    signature, data = typed
    for _ in range(dimensions):
        signature, data = "a" + signature, [data]
    value = Value(signature, data)
    assert wire.value_from(travelled(wire.variant_of(value))) == value


@given(PLAIN)
def test_data_inside_variants_is_given_back_equal(data: object) -> None:
    value = Value("v", data)
    assert wire._plain(travelled(wire.variant_of(value)), 64) == data


def test_structs_and_dictionaries_are_given_back() -> None:
    value = Value("a(sa{u(ib)}ay)", [["x", {1: [-2, True]}, [3, 4]]])
    assert wire.value_from(travelled(wire.variant_of(value))) == value


def test_every_key_of_a_description_has_a_signature() -> None:
    asked = a_task(expected_usec=1, deadline_usec=2, tag="t", max_running=3, retries=1, runs_late=True, grows=True)
    task = dataclasses.replace(asked, promised_usec=11, retry_of="massif@1").ended(an_outcome())
    assert set(describe(task)) == set(wire.TASK_SIGNATURES)


def test_a_task_that_waits_has_not_started() -> None:
    waiting = describe(a_task(state=TaskState.WAITING, started_usec=0, promised_usec=70))
    assert "started" not in waiting
    assert (waiting["state"], waiting["promised"]) == ("waiting", 70)


def test_task_travels_whole() -> None:
    task = a_task(params=(("size", Value("u", 3)),), expected_usec=9, tag="nightly").ended(an_outcome())
    sent = {key: travelled(variant).value for key, variant in wire.task_to_wire(task).items()}
    assert sent.pop("parameters")["size"] == Variant("u", 3)
    assert sent == {key: data for key, data in describe(task).items() if key != "parameters"}


def test_text_that_dbus_cannot_carry_does_not_stop_a_task_from_being_shown() -> None:
    assert wire.task_to_wire(a_task(argv=("a\0b", "\udcff")))["argv"].value == ["a\\x00b", "\\udcff"]


def test_answers_are_pairs_of_lists() -> None:
    assert wire.answers_to_wire([Answer(("a@1",), ("a?x=1",)), Answer((), ())]) == [[["a@1"], ["a?x=1"]], [[], []]]


def test_filter_takes_one_state_or_several() -> None:
    assert wire.filter_from({"state": Variant("s", "failed")}).states == {TaskState.FAILED}
    several = wire.filter_from({"state": Variant("as", ["running", "complete"])})
    assert several.states == {TaskState.RUNNING, TaskState.COMPLETE}


def test_filter_takes_every_key() -> None:
    given_keys = {
        "root": Variant("s", "build"),
        "kind": Variant("s", "batch"),
        "since": Variant("t", 5),
        "limit": Variant("u", 2),
    }
    assert wire.filter_from(given_keys) == TaskFilter(root="build", kind=Kind.BATCH, since=5, limit=2)


@pytest.mark.parametrize(
    ("key", "variant", "text"),
    [
        ("colour", Variant("s", "red"), r"'colour' is unknown \(use state, root"),
        ("since", Variant("s", "now"), r"'since' has D-Bus type 's' \(it takes t\)"),
        ("state", Variant("s", "asleep"), r"'state': there is no 'asleep' \(use waiting, running, complete"),
        ("kind", Variant("s", "resource"), r"'kind': there is no 'resource' \(use workorder"),
    ],
)
def test_bad_filter_is_refused_by_key(key: str, variant: Variant, text: str) -> None:
    with pytest.raises(InvalidArgs, match=text):
        wire.filter_from({key: variant})
