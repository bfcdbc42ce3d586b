# SPDX-License-Identifier: LGPL-2.1-or-later
"""A message as the bytes that travel: the same as dbus-next makes, in a third of the time (D-Bus specification,
"Marshaling"). A writer is made once for each signature and kept.

Values are not verified, as dbus-next does each time; but what does not fit its type cannot be packed, and then
dbus-next is asked, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from struct import error as PackError
from typing import Any, Final

from dbus_next import Message, MessageType, Variant
from dbus_next.signature import SignatureTree, SignatureType

Write = Callable[[bytearray, Any], None]

_PADDING: Final = {size: [bytes(-offset % size) for offset in range(size)] for size in (2, 4, 8)}
NUMBERS: Final = {"n": "h", "q": "H", "i": "i", "u": "I", "h": "I", "x": "q", "t": "Q", "d": "d"}
"""D-Bus type -> as `struct` calls it."""
ALIGNED_TO_8: Final = "xtd({"
_U32: Final = Struct("<I")
_HEAD: Final = Struct("<4B3I")
_LITTLE, _VERSION = ord("l"), 1
_PAD4, _PAD8 = _PADDING[4], _PADDING[8]


@dataclass(frozen=True, slots=True)
class Encoded:
    """An array of structs, each of which was encoded before: see `element`."""

    elements: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a body, encoded before: see `whole`."""

    data: bytes | bytearray


def whole(signature: str, value: Any) -> Whole:
    """The only value of a body, for what is so large that it is encoded in a thread. Raises what `struct` raises
    where it does not fit."""
    return Whole(_body(signature, [value]))


def a_variant(signature: str, value: Any) -> Variant:
    """A Variant that is not verified when it is made, which takes most of the time that making one takes."""
    made = Variant.__new__(Variant)
    made.signature, made.value = signature, value
    [made.type] = SignatureTree._get(signature).types
    return made


def element(signature: str, value: Sequence[Any]) -> bytes:
    """A struct as it is in every array, since it begins at a multiple of 8 bytes wherever it is: it may be kept.
    Raises what `struct` raises where the value does not fit."""
    data = bytearray()
    _writer_of_one(signature)(data, value)
    return bytes(data)


def encode(message: Message, *, with_descriptors: bool) -> bytes | bytearray:
    """`with_descriptors`: the bus takes them. Raises as dbus-next does when the body does not fit its signature."""
    try:
        return _encode(message, with_descriptors)
    except (PackError, ValueError, TypeError, AttributeError, LookupError):
        return bytes(message._marshall(with_descriptors))


def encode_signal(
    path: str, interface: str, member: str, signature: str, body: Sequence[Any], serial: int
) -> bytearray:
    """Our own, whose body fits; nothing of it is verified. Raises what `struct` raises where it does not."""
    head = _fields(path, interface, member, None, None, None, signature, 0)
    return _whole(head, MessageType.SIGNAL.value, 0, serial, _body(signature, body))


def _encode(message: Message, with_descriptors: bool) -> bytearray:
    head = _fields(
        message.path,
        message.interface,
        message.member,
        message.error_name,
        message.reply_serial,
        message.destination,
        message.signature,
        len(message.unix_fds or ()) if with_descriptors else 0,
    )
    kind, flags = message.message_type.value, message.flags.value
    return _whole(head, kind, flags, message.serial, _body(message.signature, message.body))


def _body(signature: str, values: Sequence[Any]) -> bytes | bytearray:
    if len(values) == 1 and type(values[0]) is Whole:
        return values[0].data
    body = bytearray()
    for write, value in zip(_writers(signature), values, strict=True):
        write(body, value)
    return body


def _whole(fields: bytes, kind: int, flags: int, serial: int, body: bytes | bytearray) -> bytearray:
    length = len(fields)
    head = _HEAD.pack(_LITTLE, kind, flags, _VERSION, len(body), serial, length)
    return bytearray().join((head, fields, _PAD8[length % 8], body))


@lru_cache(maxsize=128)
def _fields(
    path: str | None,
    interface: str | None,
    member: str | None,
    error_name: str | None,
    reply_serial: int | None,
    destination: str | None,
    signature: str,
    descriptors: int,
) -> bytes:
    """The header behind its fixed part, which is 16 bytes. The same one is wanted again and again."""
    fields = bytearray()
    for code, kind, text in (
        (1, b"\1o\0", path),
        (2, b"\1s\0", interface),
        (3, b"\1s\0", member),
        (4, b"\1s\0", error_name),
        (5, b"\1u\0", reply_serial),
        (6, b"\1s\0", destination),
        (8, b"\1g\0", signature),
        (9, b"\1u\0", descriptors),
    ):
        if text:
            fields += _PAD8[len(fields) % 8]
            fields.append(code)
            fields += kind
            _FIELD[kind](fields, text)
    return bytes(fields)


@lru_cache(maxsize=256)
def _writers(signature: str) -> tuple[Write, ...]:
    return tuple(map(_writer, SignatureTree._get(signature).types))


@lru_cache(maxsize=256)
def _writer_of_one(signature: str) -> Write:
    [write] = _writers(signature)
    return write


def _writer(kind: SignatureType) -> Write:
    token = kind.token
    if token in NUMBERS:
        return _number(NUMBERS[token])
    if token == "a":
        return _array(kind.children[0])
    if token in "({":
        return _struct(tuple(map(_writer, kind.children)))
    return _PLAIN[token]


def _number(code: str) -> Write:
    packed = Struct("<" + code)
    size, pack = packed.size, packed.pack
    padding = _PADDING[size]

    def write(buffer: bytearray, value: Any) -> None:
        buffer += padding[len(buffer) % size] + pack(value)

    return write


def _array(child: SignatureType) -> Write:
    if child.token == "y":
        return _bytes
    write_child, pairs = _writer(child), child.token == "{"
    is_wide = child.token in ALIGNED_TO_8

    def write(buffer: bytearray, value: Any) -> None:
        buffer += _PAD4[len(buffer) % 4]
        place = len(buffer)
        buffer += b"\0\0\0\0"
        if is_wide:  # That padding is no part of the length.
            buffer += _PAD8[len(buffer) % 8]
        first = len(buffer)
        if type(value) is Encoded:
            for known in value.elements:
                buffer += _PAD8[len(buffer) % 8] + known
        else:
            for each in value.items() if pairs else value:
                write_child(buffer, each)
        _U32.pack_into(buffer, place, len(buffer) - first)

    return write


def _bytes(buffer: bytearray, value: Any) -> None:
    buffer += _PAD4[len(buffer) % 4] + _U32.pack(len(value)) + value


def _struct(members: tuple[Write, ...]) -> Write:
    def write(buffer: bytearray, value: Any) -> None:
        buffer += _PAD8[len(buffer) % 8]
        for member, each in zip(members, value, strict=True):
            member(buffer, each)

    return write


def _byte(buffer: bytearray, value: Any) -> None:
    buffer.append(value)


def _boolean(buffer: bytearray, value: Any) -> None:
    buffer += _PAD4[len(buffer) % 4] + (b"\1\0\0\0" if value else b"\0\0\0\0")


def _string(buffer: bytearray, value: Any) -> None:
    text = value.encode()
    buffer += _PAD4[len(buffer) % 4] + _U32.pack(len(text)) + text + b"\0"


def _signature(buffer: bytearray, value: Any) -> None:
    text = value.encode()
    buffer.append(len(text))
    buffer += text + b"\0"


def _variant(buffer: bytearray, value: Any) -> None:
    _signature(buffer, value.signature)
    _writer_of_one(value.signature)(buffer, value.value)


_PLAIN: Final[dict[str, Write]] = {
    "y": _byte,
    "b": _boolean,
    "s": _string,
    "o": _string,
    "g": _signature,
    "v": _variant,
}
_FIELD: Final[dict[bytes, Write]] = {
    b"\1o\0": _string,
    b"\1s\0": _string,
    b"\1g\0": _signature,
    b"\1u\0": _number("I"),
}
