# SPDX-License-Identifier: LGPL-2.1-or-later
"""`[Service]` settings with one value. The sources are systemd's own: src/shared/bus-unit-util.c for names and types,
and the pages systemd.exec(5), systemd.kill(5), systemd.service(5) and systemd.resource-control(5) for ranges.
"""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Callable, Mapping
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.literals import parse_absolute_path, parse_boolean, parse_choice, parse_integer
from sd_taskpacker.model.quantities import INFINITY, parse_bytes, parse_span
from sd_taskpacker.model.service_kind import Kind, Properties, scalar
from sd_taskpacker.model.values import Value

_UINT32_MAX: Final = (1 << 32) - 1
_INT32_MAX: Final = (1 << 31) - 1

_PERCENT = re.compile(r"(\d{1,7})(?:\.(\d{1,2}))?%|(\d{1,8})(?:\.(\d))?‰|(\d{1,9})‱", re.ASCII)
_MODE = re.compile(r"[0-7]{1,5}", re.ASCII)
_NAMED_LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES: Final = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("", "", "", ""),
    *(f"local{n}" for n in range(8)),
)
_USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?", re.ASCII)
_SECCOMP_KILL: Final = _INT32_MAX - 1
"""SECCOMP_ERROR_NUMBER_KILL of src/shared/seccomp-util.h."""


def integer(signature: str, low: int, high: int) -> Kind:
    return scalar(signature, lambda text: parse_integer(text, low, high))


def choice(*words: str) -> Kind:
    return scalar("s", lambda text: parse_choice(text, words))


def boolean_or(*words: str) -> Kind:
    """A boolean or one of the words, sent as the string that systemd reads itself."""
    return scalar("s", lambda text: text if _is_boolean(text) else parse_choice(text, ("yes", "no", *words)))


def named(signature: str, numbers: Mapping[str, int]) -> Kind:
    """A word that travels as its number; the number itself is taken too."""
    return scalar(signature, lambda text: _named(text, numbers))


def span(low: int = 0, high: int = INFINITY) -> Kind:
    """A time span; `RuntimeMaxSec=` travels as `RuntimeMaxUSec`."""

    def parse(key: str, text: str) -> Properties:
        usec = parse_span(text)
        if not low <= usec <= high:
            raise ValueError(f"{excerpt(text)} is out of range")
        return ((key.removesuffix("Sec") + "USec", Value("t", usec)),)

    return Kind(parse=lambda key, texts: parse(key, texts[0]))


def text_matching(pattern: str, what: str) -> Kind:
    """A string that systemd reads itself, as far as it can be checked here."""
    compiled = re.compile(pattern, re.ASCII)

    def read(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"{excerpt(text)} is not {what}")
        return text

    return scalar("s", read)


def parse_user(text: str) -> str:
    """A user's or group's name or number, in systemd's strict spelling (Users, Groups, UIDs and GIDs page)."""
    if not _USER_NAME.fullmatch(text):
        parse_integer_id(text)
    return text


def parse_integer_id(text: str) -> int:
    try:
        number = parse_integer(text, 0, _UINT32_MAX - 1)
    except ValueError:
        raise ValueError(f"{excerpt(text)} is not the name or number of a user or group") from None
    if number == 0xFFFF:
        raise ValueError("65535 is the old spelling of 'no such user' and cannot be used")
    return number


def parse_permyriad(text: str) -> int | None:
    """`50%`, `12.5%`, `125‰`, `1250‱` -> ten-thousandths; None when it is no percentage."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        return None
    percent, hundredths, permille, tenth, permyriad = match.groups()
    if percent:
        return int(percent) * 100 + int((hundredths or "0").ljust(2, "0"))
    return int(permille) * 10 + int(tenth or "0") if permille else int(permyriad)


def parse_limit(text: str, plain: Callable[[str], int]) -> int:
    return INFINITY if text == "infinity" else plain(text)


def parse_signal(text: str) -> int:
    """`TERM`, `SIGTERM`, `15`, `RTMIN+3`."""
    name = text.removeprefix("SIG")
    if name.isdecimal() and name.isascii():
        return parse_integer(text, 1, signal.SIGRTMAX)
    base, _, offset = name.partition("+") if "+" in name else name.partition("-")
    if base in ("RTMIN", "RTMAX") and offset:
        step = parse_integer(offset, 0, 30)
        return signal.SIGRTMIN + step if base == "RTMIN" else signal.SIGRTMAX - step
    try:
        return int(signal.Signals["SIG" + name])
    except KeyError:
        raise ValueError(f"{excerpt(text)} is not a signal; write for example TERM or INT") from None


def parse_mode(text: str) -> int:
    if not _MODE.fullmatch(text) or int(text, 8) > 0o7777:
        raise ValueError(f"{excerpt(text)} is not a file mode; write for example 0755")
    return int(text, 8)


def _is_boolean(text: str) -> bool:
    try:
        parse_boolean(text)
    except ValueError:
        return False
    return True


def _named(text: str, numbers: Mapping[str, int]) -> int:
    if text.isdecimal() and text.isascii() and int(text) in numbers.values():
        return int(text)
    return numbers[parse_choice(text, tuple(numbers))]


def _memory(key: str, text: str) -> Properties:
    """An amount, or a share of the machine's memory, which systemd itself turns into bytes (`MemoryHighScale`)."""
    permyriad = parse_permyriad(text)
    if permyriad is None:
        return ((key, Value("t", parse_limit(text, _tasks if key == "TasksMax" else parse_bytes))),)
    return ((key + "Scale", Value("u", _scale(text, permyriad))),)


def _tasks(text: str) -> int:
    return parse_integer(text, 1, INFINITY - 1)


def _scale(text: str, permyriad: int) -> int:
    if permyriad > 10_000:
        raise ValueError(f"{excerpt(text)} is more than 100%")
    return (permyriad * _UINT32_MAX + 5_000) // 10_000


def _pressure(text: str) -> int:
    permyriad = parse_permyriad(text)
    if permyriad is None:
        raise ValueError(f"{excerpt(text)} is not a percentage")
    return _scale(text, permyriad)


def _quota(text: str) -> int:
    """Percent of one CPU -> usec of CPU time a second."""
    permyriad = parse_permyriad(text)
    if not permyriad:
        raise ValueError(f"{excerpt(text)} is not a CPU quota; write for example 50% or 200% for two CPUs")
    return permyriad * 1_000_000 // 10_000


def _errno(text: str) -> int:
    if text == "kill":
        return _SECCOMP_KILL
    numbers = {name: number for number, name in errno.errorcode.items()}
    return numbers[text] if text in numbers else parse_integer(text, 0, 4095)


def _nanoseconds(text: str) -> int:
    """A plain number is nanoseconds, unlike everywhere else (parse_nsec())."""
    if text.isdecimal() and text.isascii():
        return parse_integer(text, 0, INFINITY - 1)
    return int(text[:-2]) if re.fullmatch(r"[0-9]{1,18}ns", text) else parse_span(text) * 1_000


def _cpu_weight(text: str) -> int:
    return 0 if text == "idle" else parse_integer(text, 1, 10_000)


def _plain_string(text: str) -> str:
    if any(ord(char) < 0x20 for char in text):
        raise ValueError(f"{excerpt(text)} holds a control character")
    return text


def _kill_mode(text: str) -> str:
    if text in ("process", "none"):
        raise ValueError(f"{text} would leave processes behind that use memory nobody accounts for")
    return parse_choice(text, ("control-group", "mixed"))


def _send_kill(text: str) -> bool:
    if not parse_boolean(text):
        raise ValueError("no would leave processes behind that use memory nobody accounts for")
    return True


BOOLEAN: Final = scalar("b", parse_boolean)
STRING: Final = scalar("s", _plain_string)
PATH: Final = scalar("s", parse_absolute_path)
USER: Final = scalar("s", parse_user)
MODE: Final = scalar("u", parse_mode)
SIGNAL: Final = scalar("i", parse_signal)
MEMORY: Final = Kind(parse=lambda key, texts: _memory(key, texts[0]))
PRESSURE: Final = scalar("u", _pressure)
CPU_QUOTA: Final = Kind(parse=lambda key, texts: (("CPUQuotaPerSecUSec", Value("t", _quota(texts[0]))),))
CPU_WEIGHT: Final = scalar("t", _cpu_weight)
LOG_LEVEL: Final = named("i", {name: level for level, name in enumerate(_NAMED_LEVELS)})
FACILITY: Final = named("i", {name: number for number, name in enumerate(_FACILITIES) if name})
ERRNO: Final = scalar("i", _errno)
NANOSECONDS: Final = scalar("t", _nanoseconds)
KILL_MODE: Final = scalar("s", _kill_mode)
SEND_KILL: Final = scalar("b", _send_kill)
SECURITY_LABEL: Final = Kind(
    parse=lambda key, texts: ((key, Value("(bs)", [texts[0].startswith("-"), texts[0].removeprefix("-")])),)
)
