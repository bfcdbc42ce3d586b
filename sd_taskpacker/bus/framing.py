# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes from the bus -> whole messages, without decoding what is too large to decode.

dbus-next reads and decodes in one go: 100,000 entries of BatchSubmit would hold the event loop for 12 s, and one
message that it cannot read breaks the connection of everybody. So messages are cut out of the stream here, by
the fixed part of the header (D-Bus specification, "Message Format"), and only then given to its decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dbus_next import Message
from dbus_next.signature import SignatureTree

from sd_taskpacker.bus.decoding import decode_message

MAX_BODY: Final = 1 << 20
"""Bytes of a request's body; about 10,000 entries of BatchSubmit."""

_FIXED = 16
_CALL = 1
_REPLIES = (2, 3)
_NO_REPLY_EXPECTED = 1
_SENDER = 7
_LITTLE, _BIG = ord("l"), ord("B")
_LENGTHS = {_LITTLE: struct.Struct("<3I"), _BIG: struct.Struct(">3I")}
_U32 = {_LITTLE: struct.Struct("<I"), _BIG: struct.Struct(">I")}
_MAX_SIGNATURES = 4096


class Undecodable(Exception):
    """The bytes are no message, or none that dbus-next can read; the message says what it stumbled over."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message, still encoded."""

    raw: bytes

    @property
    def is_call(self) -> bool:
        return self.raw[1] == _CALL

    @property
    def wants_answer(self) -> bool:
        return self.is_call and not self.raw[2] & _NO_REPLY_EXPECTED

    @property
    def sender(self) -> str:
        """The unique name that the bus has written; empty when the header has types in it that nobody knows."""
        try:
            return _sender(self.raw)
        except (struct.error, IndexError):
            return ""

    @property
    def head(self) -> bytes:
        """The same message without a body: enough to answer it."""
        return _without_body(self.raw[: _sizes(self.raw)[0]])


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A request whose body is not read. `head` is empty when even the header is too large to be looked at."""

    head: bytes
    size: int
    """Bytes of the body, or of header and body when there is no `head`."""


class Framer:
    """Cuts the stream. Holds at most one message; what is too large is dropped as it comes in."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0

    @property
    def missing(self) -> int:
        """Bytes of a large message that have not come yet; 0 between messages."""
        if self._skip:
            return self._skip
        return max(0, sum(_sizes(self._buffer)) - len(self._buffer)) if len(self._buffer) >= _FIXED else 0

    def feed(self, data: bytes) -> Iterator[Frame | TooLarge]:
        """Raises Undecodable when the stream itself is broken; nothing after that can be trusted."""
        self._buffer += data
        while True:
            skipped = min(self._skip, len(self._buffer))
            del self._buffer[:skipped]
            self._skip -= skipped
            item = self._next()
            if item is None:
                return
            yield item

    def _next(self) -> Frame | TooLarge | None:
        if len(self._buffer) < _FIXED:
            return None
        head, body = _sizes(self._buffer)
        if head > MAX_BODY:
            self._skip = head + body
            return TooLarge(b"", head + body)
        if body > MAX_BODY and self._buffer[1] not in _REPLIES:
            return self._refuse(head, body)
        if len(self._buffer) < head + body:
            return None
        raw = bytes(self._buffer[: head + body])
        del self._buffer[: head + body]
        return Frame(raw)

    def _refuse(self, head: int, body: int) -> TooLarge | None:
        """Replies are exempt from the limit: we asked for them, and a list of all units may be long."""
        if len(self._buffer) < head:
            return None
        self._skip = head + body
        return TooLarge(_without_body(bytes(self._buffer[:head])), body)


def decode(raw: bytes) -> Message:
    """Raises Undecodable."""
    # dbus-next remembers every signature that it ever saw, and variants let a client invent new ones for ever.
    if len(SignatureTree._cache) > _MAX_SIGNATURES:
        SignatureTree._cache.clear()
    try:
        message = decode_message(raw)
    except Exception as error:  # Whatever a peer's bytes make of the decoder is the peer's fault, not ours.
        raise Undecodable(f"{type(error).__name__}: {error}") from error
    if message is None:
        raise Undecodable("the values are longer than the message")
    return message


def _sender(raw: bytes) -> str:
    """Walks over the header's fields, an array of struct(byte, variant); the fixed part ends with its length."""
    u32 = _U32[raw[0]]
    at, end = _FIXED, _FIXED + u32.unpack_from(raw, 12)[0]
    while at < end:
        at += -at & 7
        code, kind = raw[at], raw[at + 1 : at + 4]
        at += 4
        if kind in (b"\1s\0", b"\1o\0"):
            begin = at + 4
            at = begin + u32.unpack_from(raw, at)[0] + 1
            if code == _SENDER:
                return raw[begin : at - 1].decode("ascii", "replace")
        elif kind == b"\1u\0":
            at += 4
        elif kind == b"\1g\0":
            at += raw[at] + 2
        else:
            break
    return ""


def _sizes(buffer: bytes | bytearray) -> tuple[int, int]:
    """Bytes of the header, padded, and of the body."""
    lengths = _LENGTHS.get(buffer[0])
    if lengths is None:
        raise Undecodable(f"a message cannot begin with byte {buffer[0]}")
    body, _serial, fields = lengths.unpack_from(buffer, 4)
    return _FIXED + fields + (-fields & 7), body


def _without_body(head: bytes) -> bytes:
    """The header with a body length of 0; dbus-next then leaves the signature's values out."""
    return head[:4] + bytes(4) + head[8:]
