# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from dbus_next import Message, MessageFlag, SignatureBodyMismatchError, Variant
from dbus_next._private.unmarshaller import Unmarshaller
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.bus.decoding import decode_message
from sd_taskpacker.bus.encoding import Encoded, element, encode

_INTEGERS = {"y": (0, 255), "n": (-(1 << 15), 1 << 15), "q": (0, 1 << 16), "i": (-(1 << 31), 1 << 31)} | {
    "u": (0, 1 << 32),
    "x": (-(1 << 63), 1 << 63),
    "t": (0, 1 << 64),
}
_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    **{kind: st.integers(least, most - (kind != "y")) for kind, (least, most) in _INTEGERS.items()},
    "b": st.booleans(),
    "d": st.floats(allow_nan=False),
    "s": st.text(max_size=9),
    "g": st.sampled_from(["", "s", "a{sv}"]),
    "o": st.sampled_from(["/", "/a/b_c"]),
    "ay": st.binary(max_size=9),
}
Typed = tuple[str, Any]


def _wider(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    """Containers of what there is: a variant, an array, a struct and a dictionary."""
    keys = st.text(max_size=3)
    return st.one_of(
        inner.map(lambda typed: ("v", Variant(*typed))),
        st.tuples(inner, st.integers(0, 2)).map(lambda pair: ("a" + pair[0][0], _repeated(*pair))),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda some: (f"({''.join(kind for kind, _ in some)})", [value for _, value in some])
        ),
        st.tuples(keys, inner).map(lambda pair: (f"a{{s{pair[1][0]}}}", {pair[0]: pair[1][1]})),
    )


def _repeated(typed: Typed, count: int) -> Any:
    return bytes(count) if typed[0] == "y" else [typed[1]] * count


def _as(kind: str) -> st.SearchStrategy[Typed]:
    return st.tuples(st.just(kind), _PLAIN[kind])


typed = st.recursive(st.one_of(*map(_as, _PLAIN)), _wider)


def told(message: Message) -> bytes:
    message.serial = 7
    return bytes(message._marshall(True))


@given(st.lists(typed, max_size=4))
def test_every_body_is_encoded_as_by_the_library(some: list[Typed]) -> None:
    signature, body = "".join(kind for kind, _ in some), [value for _, value in some]
    message = Message.new_signal("/a", "b.c", "D", signature, body)
    assert told(message) == encode(message, with_descriptors=True)


@given(st.lists(typed, max_size=4))
def test_every_body_is_read_as_by_the_library(some: list[Typed]) -> None:
    signature, body = "".join(kind for kind, _ in some), [value for _, value in some]
    raw = told(Message.new_signal("/a", "b.c", "D", signature, body))
    read, known = decode_message(raw), Unmarshaller(BytesIO(raw)).unmarshall()
    assert read is not None
    assert vars(read) == vars(known) | {"signature_tree": read.signature_tree}
    assert encode(read, with_descriptors=True) == raw


@given(st.lists(typed, max_size=3), st.data())
def test_what_the_library_reads_of_a_changed_message_is_read_as_by_it(some: list[Typed], data: st.DataObject) -> None:
    signature, body = "".join(kind for kind, _ in some), [value for _, value in some]
    changed = bytearray(told(Message.new_signal("/a", "b.c", "D", signature, body)))
    changed[data.draw(st.integers(16, len(changed) - 1))] = data.draw(st.integers(0, 255))
    raw = bytes(changed[: data.draw(st.integers(16, len(changed)))])
    known = _body_of(lambda raw: Unmarshaller(BytesIO(raw)).unmarshall(), raw)
    # Unknown header fields are to be ignored, says the specification; the library refuses them.
    assert known in (None, _body_of(decode_message, raw))


def _body_of(read: Callable[[bytes], Message | None], raw: bytes) -> str | None:
    """None where it is no message."""
    try:
        message = read(raw)
    except Exception:  # Whatever it stumbles over, these bytes are no message to it.
        return None
    return None if message is None else repr(message.body)


def test_elements_that_were_encoded_before_fit_wherever_they_come() -> None:
    rows = [["a", Variant("s", "x")], ["bc", Variant("t", 1)], ["d", Variant("as", ["y", "zz"])]]
    known = [element("(sv)", row) for row in rows]
    for before, after in (("", "e"), ("fgh", "i"), ("jklmnop", "")):
        body = [before, rows, after]
        message = Message.new_signal("/a", "b.c", "D", "sa(sv)s", body)
        expected = told(message)
        message.body = [before, Encoded(known), after]
        assert encode(message, with_descriptors=True) == expected


@pytest.mark.parametrize(
    "message",
    [
        Message(destination="a.b", path="/c", interface="d.e", member="F", flags=MessageFlag.NO_REPLY_EXPECTED),
        Message(destination="a.b", path="/c", member="F", signature="h", body=[0], unix_fds=[5]),
        Message.new_method_return(Message(path="/", member="F", sender=":1.7", serial=300), "s", ["x"]),
        Message.new_error(Message(path="/", member="F", sender=":1.7", serial=300), "a.b.No", "no"),
    ],
)
def test_every_header_is_encoded_as_by_the_library(message: Message) -> None:
    assert told(message) == encode(message, with_descriptors=True)


def test_descriptors_are_left_out_where_the_bus_takes_none() -> None:
    message = Message(destination="a.b", path="/c", member="F", unix_fds=[5], serial=7)
    assert encode(message, with_descriptors=False) == bytes(message._marshall(False))


@pytest.mark.parametrize(
    ("signature", "body"), [("u", [-1]), ("s", [7]), ("ss", ["one"]), ("y", [256]), ("(su)", [["x"]]), ("as", [7])]
)
def test_what_does_not_fit_its_type_is_refused_as_by_the_library(signature: str, body: list[Any]) -> None:
    message = Message.new_signal("/a", "b.c", "D", signature, body)
    message.serial = 7
    with pytest.raises(SignatureBodyMismatchError):
        encode(message, with_descriptors=True)


def test_nothing_of_ours_takes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> bytes:
        raise AssertionError("the library was asked")

    monkeypatch.setattr(Message, "_marshall", slow)
    body = [1, "a@b", "running", {"submitted": Variant("t", 5)}]
    encode(Message.new_signal("/a", "b.c", "TaskChanged", "tssa{sv}", body), with_descriptors=True)
