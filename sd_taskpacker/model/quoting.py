# SPDX-License-Identifier: LGPL-2.1-or-later
r"""Splitting a value into words with systemd's quoting (systemd.syntax(7), extract_first_word()).

Words are separated by blanks. Single and double quotes group, also in the middle of a word, and are removed; `""`
is an empty word. C escapes work inside and outside of both kinds of quotes: \a \b \f \n \r \t \v \\ \" \' \s
(space) \xNN \NNN (octal) \uNNNN \UNNNNNNNN. `\;` is a plain `;`, as in `Exec=` of systemd.

One difference: systemd warns of an unknown escape and keeps its backslash; here it is an error, because the author of
`grep '\.c'` is better served by being told than by a program that gets something else after the next edit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sd_taskpacker.model.excerpt import excerpt

_BLANK: Final = " \t\n\r"
_PLAIN = re.compile(r"[^ \t\n\r\\'\"]+")
_INSIDE: Final = {"'": re.compile(r"[^\\']+"), '"': re.compile(r'[^\\"]+')}
_ESCAPE = re.compile(
    r"\\(?:([abfnrtvs\\\"';])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))", re.ASCII
)
_NAMED: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "s": 32}


@dataclass(frozen=True, slots=True)
class Split:
    """`raw` is the word as written, quotes and all: it tells `;` from `";"`."""

    text: str
    raw: str


def split_words(text: str, *, escapes: bool = True) -> tuple[str, ...]:
    """Raises ValueError for an open quote, a bad escape, or bytes that are not UTF-8.

    Without `escapes` a backslash only protects the next character, as in systemd's path lists.
    """
    return tuple(word.text for word in split(text, escapes=escapes))


def split(text: str, *, escapes: bool = True) -> tuple[Split, ...]:
    """`split_words` with each word's source beside it."""
    words, position = list[Split](), 0
    while position < len(text):
        if text[position] in _BLANK:
            position += 1
            continue
        content, end = _word(text, position, escapes)
        words.append(Split(content, text[position:end]))
        position = end
    return tuple(words)


def unescape(text: str) -> str:
    """The C escapes alone: blanks and quotes stay as they are. Raises ValueError like `split_words`."""
    content, position = bytearray(), 0
    while position < len(text):
        if text[position] == "\\":
            piece, position = _escape(text, position, escapes=True)
            content += piece
        else:
            end = text.find("\\", position) % (len(text) + 1)
            content += _utf8(text[position:end])
            position = end
    return _decoded(content, text)


def _word(text: str, start: int, escapes: bool) -> tuple[str, int]:
    """The word that begins at `start`, and where it ends."""
    content, position, quote, opened = bytearray(), start, "", start
    while position < len(text) and (quote or text[position] not in _BLANK):
        char = text[position]
        if char == "\\":
            piece, position = _escape(text, position, escapes)
            content += piece
        elif char == quote:
            quote, position = "", position + 1
        elif char in "'\"" and not quote:
            quote, opened, position = char, position, position + 1
        else:
            run = (_INSIDE[quote] if quote else _PLAIN).match(text, position)
            piece_end = run.end() if run else position + 1
            content += _utf8(text[position:piece_end])
            position = piece_end
    if quote:
        raise ValueError(f"the quote {quote} that opens at {excerpt(text[opened:])} is never closed")
    return _decoded(content, text[start:position]), position


def _escape(text: str, position: int, escapes: bool) -> tuple[bytes, int]:
    """The bytes behind the backslash at `position`, and where it ends. \\xNN and \\NNN are bytes, not characters."""
    if position + 1 == len(text):
        raise ValueError("a backslash stands at the very end; write \\\\ for a literal one")
    if not escapes:
        return _utf8(text[position + 1]), position + 2
    match = _ESCAPE.match(text, position)
    if match is None:
        after = excerpt(text[position + 1])
        raise ValueError(f"a backslash before {after} is no escape; write \\\\ for a literal backslash")
    return _meaning(match), match.end()


def _meaning(match: re.Match[str]) -> bytes:
    named, hexadecimal, octal, short, long = match.groups()
    if named is not None:
        return bytes([_NAMED.get(named, ord(named))])
    code = int(octal, 8) if octal else int(hexadecimal or short or long, 16)
    if code == 0:
        raise ValueError(f"{match[0]} is NUL, which no argument can hold")
    if hexadecimal or octal:
        if code > 0xFF:
            raise ValueError(f"{match[0]} is more than one byte")
        return bytes([code])
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"{match[0]} is no Unicode character")
    return _utf8(chr(code))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(content: bytes | bytearray, raw: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{excerpt(raw)} is not UTF-8 once its escapes are applied") from None
