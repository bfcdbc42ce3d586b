# SPDX-License-Identifier: LGPL-2.1-or-later
"""`[Service]` settings that are lists of words: paths, names, environment, credentials, exit statuses."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.literals import parse_absolute_path, parse_relative_path
from sd_taskpacker.model.quoting import split_words, unescape
from sd_taskpacker.model.service_kind import Kind, Properties, array, each
from sd_taskpacker.model.service_scalars import parse_signal, parse_user
from sd_taskpacker.model.values import Value

MS_REC: Final = 1 << 14
"""linux/mount.h; what `rbind` means."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FIELD = re.compile(r"[A-Z0-9][A-Z0-9_]*=.*", re.ASCII | re.DOTALL)
_ARCHITECTURE = re.compile(r"[a-z0-9-]+", re.ASCII)
_CREDENTIAL = re.compile(r"[!-.0-9;-~]+", re.ASCII)

OUR_ENVIRONMENT: Final = "TASKPACKER_"
SYSTEMS_ENVIRONMENT: Final = frozenset({"EXIT_CODE", "EXIT_STATUS", "SERVICE_RESULT"})
"""Tells how the task ended; the unit's own value would take its place."""
LOADER_ENVIRONMENT: Final = re.compile(r"LD_\w*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH", re.ASCII)
"""Says what code a program loads. The command that root runs at the end of a task has the task's environment."""

_STATUS_NAMES: Final = {
    name: number
    for names, first in (
        ("SUCCESS FAILURE INVALIDARGUMENT NOTIMPLEMENTED NOPERMISSION NOTINSTALLED NOTCONFIGURED NOTRUNNING", 0),
        ("USAGE DATAERR NOINPUT NOUSER NOHOST UNAVAILABLE SOFTWARE OSERR OSFILE CANTCREAT IOERR TEMPFAIL PROTOCOL"
         " NOPERM CONFIG", 64),
    )
    for number, name in enumerate(names.split(), start=first)
}  # fmt: skip
"""src/shared/exit-status.c, without systemd's own 200 and up: a success of those would hide that nothing ran."""


def words(check: Callable[[str], str], *, escapes: bool = False) -> Kind:
    """Several words on a line, each checked."""
    return array("as", lambda text: [check(word) for word in split_words(text, escapes=escapes)])


def _prefixed_path(word: str) -> str:
    """`-` ignores a path that is missing, `+` is relative to the unit's root (systemd.exec(5), ReadWritePaths=)."""
    parse_absolute_path(word.removeprefix("-").removeprefix("+"))
    return word


def _assignment(word: str) -> str:
    name, separator, _ = word.partition("=")
    if not separator or not _ENV_NAME.fullmatch(name):
        raise ValueError(f"{excerpt(word)} is not NAME=VALUE; put quotes around a value with blanks")
    return _free_to_set(word)


def _variable(word: str) -> str:
    if not _ENV_NAME.fullmatch(word):
        raise ValueError(f"{excerpt(word)} is not the name of an environment variable")
    return _not_ours(word)


def _variable_to_pass(word: str) -> str:
    return _free_to_set(_variable(word))


def _variable_or_assignment(word: str) -> str:
    """What is to be taken away: that is fine for what may not be set, too."""
    _variable(word.partition("=")[0])
    return word


def _free_to_set(word: str) -> str:
    if LOADER_ENVIRONMENT.fullmatch(word.partition("=")[0]):
        raise ValueError(
            f"{excerpt(word)} would also hold for a command that root runs at the task's end; for the task alone"
            " write Exec=/usr/bin/env NAME=VALUE PROGRAM"
        )
    return _not_ours(word)


def _not_ours(word: str) -> str:
    if word.startswith(OUR_ENVIRONMENT):
        raise ValueError(f"{excerpt(word)} is set by the scheduler; choose a name without {OUR_ENVIRONMENT}")
    if word.partition("=")[0] in SYSTEMS_ENVIRONMENT:
        raise ValueError(f"{excerpt(word)} is set by systemd, to tell how the task ended; choose another name")
    return word


def _architecture(word: str) -> str:
    if not _ARCHITECTURE.fullmatch(word):
        raise ValueError(f"{excerpt(word)} is not an architecture such as x86-64 or native")
    return word


def _environment_file(text: str) -> list[object]:
    path = parse_absolute_path(text.removeprefix("-"))
    return [[path, text.startswith("-")]]


def _search_path(text: str) -> list[str]:
    return [parse_absolute_path(part) for part in text.split(":")]


def _log_fields(text: str) -> list[bytes]:
    fields = split_words(text)
    for field in fields:
        if not _FIELD.fullmatch(field):
            raise ValueError(f"{excerpt(field)} is not FIELD=value with the field in capitals")
    return [field.encode() for field in fields]


def _binds(text: str) -> list[object]:
    return [_bind(word) for word in split_words(text, escapes=False)]


def _bind(word: str) -> list[object]:
    """`[-]source[:destination[:rbind|norbind]]`"""
    source, _, rest = word.partition(":")
    destination, _, option = rest.partition(":")
    path = parse_absolute_path(source.removeprefix("-"))
    if option not in ("", "rbind", "norbind"):
        raise ValueError(f"{excerpt(word)} ends in neither rbind nor norbind")
    target = parse_absolute_path(destination) if rest else path
    return [path, target, source.startswith("-"), 0 if option == "norbind" else MS_REC]


def _temporary(text: str) -> list[object]:
    pairs = (word.partition(":") for word in split_words(text, escapes=False))
    return [[parse_absolute_path(path), options] for path, _, options in pairs]


def _directories(key: str, text: str) -> Properties:
    """`name` or `name:link`; those with a link are another property (StateDirectorySymlink)."""
    plain, linked = list[str](), list[object]()
    for word in split_words(text, escapes=False):
        name, separator, link = word.partition(":")
        if separator:
            linked.append([parse_relative_path(name), parse_relative_path(link), 0])
        else:
            plain.append(parse_relative_path(name))
    made = ((key, Value("as", plain)),) if plain else ()
    return (*made, (key + "Symlink", Value("a(sst)", linked))) if linked else made


def _load_credential(text: str) -> list[object]:
    """`ID:PATH`; `ID` alone takes the credential of that name from the service manager."""
    name, _, source = text.partition(":")
    return [[_credential(name), source or name]]


def _set_credential(text: str) -> list[object]:
    name, separator, content = text.partition(":")
    if not separator:
        raise ValueError(f"{excerpt(text)} is not ID:VALUE")
    return [[_credential(name), unescape(content).encode()]]


def _set_encrypted(text: str) -> list[object]:
    name, _, content = text.partition(":")
    try:
        decoded = base64.b64decode("".join(content.split()), validate=True)
    except binascii.Error:
        decoded = b""
    if not decoded:
        raise ValueError(f"{excerpt(text)} is not ID:BASE64, as systemd-creds encrypt writes it")
    return [[_credential(name), decoded]]


def _credential(name: str) -> str:
    if not _CREDENTIAL.fullmatch(name) or name in (".", ".."):
        raise ValueError(f"{excerpt(name)} is not a credential's name")
    return name


def _statuses(text: str) -> list[object]:
    """Numbers and names of exit statuses in the first list, signals in the second."""
    statuses, signals = list[int](), list[int]()
    for word in split_words(text, escapes=False):
        if word.isdecimal() and word.isascii() and int(word) <= 255:
            statuses.append(int(word))
        elif word in _STATUS_NAMES:
            statuses.append(_STATUS_NAMES[word])
        else:
            signals.append(_status_signal(word))
    return [statuses, signals]


def _status_signal(word: str) -> int:
    try:
        return parse_signal(word if not word.isdecimal() else "")
    except ValueError:
        raise ValueError(f"{excerpt(word)} is neither an exit status from 0 to 255 nor a signal") from None


PATHS: Final = words(_prefixed_path)
GROUPS: Final = words(parse_user)
ENVIRONMENT: Final = words(_assignment, escapes=True)
PASS_ENVIRONMENT: Final = words(_variable_to_pass, escapes=True)
UNSET_ENVIRONMENT: Final = words(_variable_or_assignment, escapes=True)
ENVIRONMENT_FILE: Final = array("a(sb)", _environment_file, "EnvironmentFiles")
ARCHITECTURES: Final = words(_architecture)
SEARCH_PATH: Final = array("as", _search_path)
CONFIGURATION_DIRECTORY: Final = words(parse_relative_path)
DIRECTORIES: Final = each(_directories)
LOG_FIELDS: Final = array("aay", _log_fields)
BINDS: Final = array("a(ssbt)", _binds)
TEMPORARY: Final = array("a(ss)", _temporary)
LOAD_CREDENTIAL: Final = array("a(ss)", _load_credential)
SET_CREDENTIAL: Final = array("a(say)", _set_credential)
SET_ENCRYPTED: Final = array("a(say)", _set_encrypted)
STATUSES: Final = array("(aiai)", _statuses)
FILTER_PATH: Final = array("as", lambda text: [parse_absolute_path(text)])
