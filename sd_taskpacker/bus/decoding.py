# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes as the message that they are: the same as dbus-next reads, in a third of the time (D-Bus specification,
"Marshaling"). A reader is made once for each signature and kept.

What is not as it should be, and whatever comes from a big-endian machine, is left to dbus-next, which says what it
stumbles over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from struct import Struct
from struct import error as UnpackError
from typing import Any, Final

from dbus_next import Message, MessageFlag, MessageType
from dbus_next._private.unmarshaller import Unmarshaller
from dbus_next.signature import SignatureTree, SignatureType

from sd_taskpacker.bus.encoding import ALIGNED_TO_8, NUMBERS, a_variant

Read = Callable[[bytes, int], tuple[Any, int]]
"""Given the message and where the value begins, or its padding: the value, and where the next one begins."""

_HEAD: Final = Struct("<4B3I")
_U32: Final = Struct("<I")
_LITTLE: Final = ord("l")
_TYPES: Final = {kind.value: kind for kind in MessageType}
_FLAGS: Final = {number: MessageFlag(number) for number in range(8)}
_PATH, _INTERFACE, _MEMBER, _ERROR, _REPLY, _DESTINATION, _SENDER, _SIGNATURE = range(1, 9)


class Malformed(Exception):
    """A length or an end that cannot be."""


def decode_message(raw: bytes) -> Message | None:
    """None where the values are longer than the message. Raises whatever dbus-next does."""
    if raw[:1] == b"l":
        try:
            return _decode(raw)
        except (UnpackError, Malformed, ValueError, LookupError):
            pass
    message: Message | None = Unmarshaller(BytesIO(raw)).unmarshall()
    return message


def _decode(raw: bytes) -> Message:
    _, kind, flags, _, body_length, serial, fields_length = _HEAD.unpack_from(raw)
    end = 16 + fields_length
    fields: dict[int, Any] = {}
    at = 16
    while at < end:
        at += -at % 8
        code = raw[at]
        fields[code], at = _read_variant(raw, at + 1)
    signature = fields.get(_SIGNATURE)
    body = []
    at = end + -end % 8
    if at + body_length != len(raw):
        raise Malformed
    if body_length:
        for read in _readers(signature.value if signature else ""):
            value, at = read(raw, at)
            body.append(value)
    if at > len(raw):
        raise Malformed

    def field(number: int) -> Any:
        found = fields.get(number)
        return None if found is None else found.value

    return Message(
        destination=field(_DESTINATION),
        path=field(_PATH),
        interface=field(_INTERFACE),
        member=field(_MEMBER),
        message_type=_TYPES[kind],
        flags=_FLAGS[flags],
        error_name=field(_ERROR),
        reply_serial=field(_REPLY),
        sender=field(_SENDER),
        unix_fds=[],
        signature=SignatureTree._get(signature.value if signature else ""),
        body=body,
        serial=serial,
    )


@lru_cache(maxsize=256)
def _readers(signature: str) -> tuple[Read, ...]:
    return tuple(map(_reader, SignatureTree._get(signature).types))


@lru_cache(maxsize=256)
def _reader_of_one(signature: str) -> Read:
    [read] = _readers(signature)
    return read


def _reader(kind: SignatureType) -> Read:
    token = kind.token
    if token in NUMBERS:
        return _number(NUMBERS[token])
    if token == "a":
        return _array(kind.children[0])
    if token in "({":
        return _struct(tuple(map(_reader, kind.children)))
    return _PLAIN[token]


def _number(code: str) -> Read:
    packed = Struct("<" + code)
    size, unpack = packed.size, packed.unpack_from

    def read(raw: bytes, at: int) -> tuple[Any, int]:
        at += -at % size
        return unpack(raw, at)[0], at + size

    return read


def _array(child: SignatureType) -> Read:
    if child.token == "y":
        return _read_bytes
    read_child, pairs = _reader(child), child.token == "{"
    is_wide = child.token in ALIGNED_TO_8

    def read(raw: bytes, at: int) -> tuple[Any, int]:
        at += -at % 4
        [length] = _U32.unpack_from(raw, at)
        at += 4
        if is_wide:
            at += -at % 8
        end = at + length
        if end > len(raw):
            raise Malformed
        values = []
        while at < end:
            value, at = read_child(raw, at)
            values.append(value)
        return dict(values) if pairs else values, at

    return read


def _read_bytes(raw: bytes, at: int) -> tuple[Any, int]:
    at += -at % 4
    [length] = _U32.unpack_from(raw, at)
    return _cut(raw, at + 4, length), at + 4 + length


def _struct(members: tuple[Read, ...]) -> Read:
    def read(raw: bytes, at: int) -> tuple[Any, int]:
        at += -at % 8
        values = []
        for member in members:
            value, at = member(raw, at)
            values.append(value)
        return values, at

    return read


def _read_byte(raw: bytes, at: int) -> tuple[Any, int]:
    return raw[at], at + 1


def _read_boolean(raw: bytes, at: int) -> tuple[Any, int]:
    at += -at % 4
    return bool(_U32.unpack_from(raw, at)[0]), at + 4


def _read_string(raw: bytes, at: int) -> tuple[Any, int]:
    at += -at % 4
    [length] = _U32.unpack_from(raw, at)
    return _cut(raw, at + 4, length).decode(), at + 5 + length


def _read_signature(raw: bytes, at: int) -> tuple[Any, int]:
    length = raw[at]
    return _cut(raw, at + 1, length).decode(), at + 2 + length


def _read_variant(raw: bytes, at: int) -> tuple[Any, int]:
    signature, at = _read_signature(raw, at)
    value, at = _reader_of_one(signature)(raw, at)
    return a_variant(signature, value), at


def _cut(raw: bytes, at: int, length: int) -> bytes:
    if at + length > len(raw):
        raise Malformed
    return raw[at : at + length]


_PLAIN: Final[dict[str, Read]] = {
    "y": _read_byte,
    "b": _read_boolean,
    "s": _read_string,
    "o": _read_string,
    "g": _read_signature,
    "v": _read_variant,
}
