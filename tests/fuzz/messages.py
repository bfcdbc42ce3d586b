# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes from the bus. The first byte says what the others are: a stream, or the body of one of our calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dbus_next import Message

from sd_taskpacker.bus.framing import Frame, Framer, TooLarge, Undecodable, decode
from sd_taskpacker.bus.wire import filter_from, requests_from, value_from, variant_of, variants_of
from sd_taskpacker.errors import TaskpackerError
from sd_taskpacker.model.args import parse_args
from sd_taskpacker.model.request import Request
from sd_taskpacker.model.unit import Kind
from tests.fuzz.readable import check_readable

REQUESTS: Final = "a(sa{sv}a{sv})"
NOW: Final = 1_800_000_000_000_000
MOST_WORDS: Final = 4_000


def target(data: bytes) -> None:
    match data[:1]:
        case b"r":
            _with_body(REQUESTS, data[1:])
        case b"f":
            _with_body("a{sv}", data[1:])
        case b"p":
            _with_body("sa{sv}", data[1:])
        case _:
            _stream(data)


def _stream(data: bytes) -> None:
    """Cut the same however it comes in."""
    whole, bytewise = _cut([data]), _cut([data[at : at + 7] for at in range(0, len(data), 7)])
    assert whole == bytewise
    for item in whole:
        head = item.head
        if head:
            _decode(head)
        if isinstance(item, Frame):
            _decode(item.raw)


def _cut(pieces: Sequence[bytes]) -> list[Frame | TooLarge]:
    framer, found = Framer(), list[Frame | TooLarge]()
    try:
        for piece in pieces:
            found += framer.feed(piece)
    except Undecodable as error:
        check_readable(str(error), MOST_WORDS)
    return found


def _decode(raw: bytes) -> Message | None:
    try:
        return decode(raw)
    except Undecodable:
        return None


def _with_body(signature: str, body: bytes) -> None:
    message = Message("a.b", "/p", "i.f", "M", signature="", body=[], serial=1)
    empty = bytes(message._marshall())
    # Header fields end with the signature (8, a variant of type g), for which the header is made anew.
    field = b"\x08\x01g\x00" + bytes([len(signature)]) + signature.encode() + b"\0"
    fields = empty[16 : 16 + int.from_bytes(empty[12:16], "little")]
    fields += bytes(-len(fields) & 7) + field
    head = empty[:4] + len(body).to_bytes(4, "little") + empty[8:12] + len(fields).to_bytes(4, "little")
    raw = head + fields + bytes(-len(fields) & 7) + body
    assert _cut([raw]) == [Frame(raw)]
    decoded = _decode(raw)
    # A body that ends too early the bus itself refuses; where it is empty, dbus-next says that it has no values.
    if decoded is not None and decoded.signature == signature and decoded.body:
        _use(signature, decoded.body)


def _use(signature: str, body: list[Any]) -> None:
    try:
        match signature:
            case "a{sv}":
                filter_from(body[0])
            case "sa{sv}":
                for variant in body[1].values():
                    value = value_from(variant)
                    there = repr(value_from(_travelled(variant_of(value))))
                    # NUL cannot travel: the bus lets none in, and we let none out.
                    assert there == repr(value) or "\0" in _texts(value.data)
            case _:
                for request in requests_from(body[0]):
                    _use_request(request)
    except TaskpackerError as error:
        check_readable(error.bus_text(), MOST_WORDS)


def _texts(data: Any) -> str:
    """All that is in it."""
    match data:
        case dict():
            return "".join(_texts(each) for pair in data.items() for each in pair)
        case list():
            return "".join(map(_texts, data))
        case _:
            return str(data)


def _use_request(request: Request) -> None:
    variants_of(request.params.items())
    for kind in Kind:
        args = parse_args(request.args, kind, NOW)
        assert not any("\0" in word for word in args.argv)


def _travelled(variant: Any) -> Any:
    message = Message.new_signal("/p", "i.f", "M", "v", [variant])
    message.serial = 1
    return decode(bytes(message._marshall())).body[0]
